"""The removed user is refused at once, and the path stays protected."""


def test_the_password_is_no_longer_accepted(status):
    assert status("/admin/x", "alice") == 401
    assert status("/admin/x") == 401
    assert status("/") == 200

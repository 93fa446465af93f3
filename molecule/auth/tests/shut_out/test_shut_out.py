"""The user is shut out at once, and the path stays closed."""


def test_the_password_is_no_longer_taken(status):
    assert status("/admin/x", "alice") == 401
    assert status("/admin/x") == 401
    assert status("/") == 200

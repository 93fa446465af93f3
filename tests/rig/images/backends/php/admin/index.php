<?php echo "the protected page";

<?php
// about.php: public. A session that there is counts here, too; else the name is empty.
header('Content-Type: text/plain; charset=utf-8');
$user = $_SERVER['HTTP_X_WECHAT_OPENID'] ?? '';
echo $user === '' ? "Hello, stranger\n" : "Hello, $user\n";

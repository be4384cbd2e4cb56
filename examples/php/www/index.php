<?php
// index.php: the gateway lets in only those who are logged in; it alone can have set these.
header('Content-Type: text/plain; charset=utf-8');
echo 'Hello ', $_SERVER['HTTP_X_WECHAT_OPENID'], "\n";
echo 'REMOTE_USER: ', $_SERVER['REMOTE_USER'], "\n";

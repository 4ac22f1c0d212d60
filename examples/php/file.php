<?php
// Puts a message into the database file, for a website on the same machine whose PHP has SQLite 3.37 or newer.
// AMS_DATABASE is the file; docs/website.md tells how a website's user may share it.
//   php file.php 0812-3456-7890 "Pesanan Anda siap diambil" 1234

[, $to, $text, $order] = $argv;
$file = getenv('AMS_DATABASE');
if (!is_file($file)) {
    // PDO would make a new, empty one.
    throw new RuntimeException("there is no database $file");
}
$db = new PDO("sqlite:$file", null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$version = $db->query('SELECT sqlite_version()')->fetchColumn();
if (version_compare($version, '3.37', '<')) {
    throw new RuntimeException("this PHP has SQLite $version, the tables need 3.37: use the API (send.php)");
}
// The program writes too: wait for it instead of failing.
$db->exec('PRAGMA busy_timeout = 10000');
$db->prepare(
    "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at, metadata, created_by)
     VALUES (:title, :text, :to, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), :metadata, 'website')"
)->execute([
    'title' => "order $order",
    'text' => $text,
    'to' => json_encode([$to]),
    'metadata' => json_encode(['order' => (int) $order]),
]);
$id = $db->lastInsertId();
$status = $db->query("SELECT status FROM auto_messages WHERE id = $id")->fetchColumn();
echo "message $id is $status\n";

<?php
// Hears what became of messages: CALLBACK_URL is this page, CALLBACK_SECRET the same as in the env file. Without a
// library; `composer require standard-webhooks/standard-webhooks` does the same.

/** The event, when the request is one of ours from the last five minutes. */
function verified(string $secret, array $server, string $body): ?array
{
    $id = $server['HTTP_WEBHOOK_ID'] ?? '';
    $time = $server['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $right = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
    foreach (explode(' ', $server['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $signature) {
        if (hash_equals($right, $signature) && abs(time() - (int) $time) <= 300) {
            return json_decode($body, true, 64, JSON_THROW_ON_ERROR);
        }
    }
    return null;
}

$event = verified(getenv('CALLBACK_SECRET'), $_SERVER, file_get_contents('php://input'));
if ($event === null) {
    http_response_code(401);
    exit;
}
// An event may come twice: keep webhook-id with what you did, and do it once.
$id = $_SERVER['HTTP_WEBHOOK_ID'];
if ($event['type'] === 'message.finished') {
    $order = $event['data']['metadata']['order'] ?? null;
    error_log("$id: order $order: {$event['data']['status']}, {$event['data']['counts']['sent']} sent");
}
http_response_code(204);

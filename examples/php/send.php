<?php
// Sends a message for an order by the API, and shows what became of it. PHP 7.4 or newer with curl.
// AMS_URL is where `serve` is, such as https://wa.example.com; AMS_KEY is from `api-key add website`.
//   php send.php 0812-3456-7890 "Pesanan Anda siap diambil" 1234

/** One request. Returns the decoded answer; throws with the words of the error. */
function ams(string $method, string $path, ?array $body = null, array $headers = []): array
{
    $curl = curl_init(rtrim(getenv('AMS_URL'), '/') . '/api/v1' . $path);
    $headers[] = 'Authorization: Bearer ' . getenv('AMS_KEY');
    if ($body !== null) {
        $headers[] = 'Content-Type: application/json';
        curl_setopt($curl, CURLOPT_POSTFIELDS, json_encode($body, JSON_THROW_ON_ERROR));
    }
    curl_setopt_array($curl, [
        CURLOPT_CUSTOMREQUEST => $method,
        CURLOPT_HTTPHEADER => $headers,
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 30,
    ]);
    $text = curl_exec($curl);
    if ($text === false) {
        throw new RuntimeException('no answer: ' . curl_error($curl));
    }
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    $answer = json_decode($text, true, 64, JSON_THROW_ON_ERROR);
    if ($status >= 400) {
        throw new RuntimeException("$status {$answer['code']}: {$answer['message']}");
    }
    return $answer;
}

[, $to, $text, $order] = $argv;
// The same key again gives the first answer again: a customer who clicks twice gets one message.
$made = ams('POST', '/messages', [
    'text' => $text,
    'to' => [$to],
    'metadata' => ['order' => (int) $order],
], ["Idempotency-Key: order-$order-ready"]);
foreach ($made['skipped'] as $skipped) {
    echo "{$skipped['to']} will not get it: {$skipped['message']}\n";
}
$message = ams('GET', "/messages/{$made['id']}");
echo "message {$message['id']} is {$message['status']}, order {$message['metadata']['order']}\n";

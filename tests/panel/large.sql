-- A large chain of shops: 200 numbers, 100,000 contacts, 10,000 messages, one of them on its way to 10,000 people.
-- `cargo bench -- pages`, `panel::size` and the browser ask its pages. Times count from `moment`, which is made first:
-- CREATE TEMP TABLE moment AS SELECT '2026-12-01T01:00:00Z' AS now;

UPDATE channels SET name = 'Cabang Pusat', session_name = 'cabang-1', phone_number = '+6281190000001' WHERE id = 1;
WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO channels (id, name, session_name, phone_number, send_window, daily_limit, warmup_from)
SELECT i, 'Cabang ' || CASE i % 5 WHEN 0 THEN 'Bandung' WHEN 1 THEN 'Surabaya' WHEN 2 THEN 'Yogyakarta' WHEN 3 THEN 'Medan' ELSE 'Makassar' END || ' ' || i,
    'cabang-' || i, CASE WHEN i % 20 THEN '+6281190' || printf('%06d', i) END,
    CASE i % 3 WHEN 0 THEN '07:00-21:00' END, CASE i % 4 WHEN 0 THEN 200 END, CASE i % 25 WHEN 0 THEN date((SELECT now FROM moment), '-3 days') END
FROM n;
UPDATE channels SET held_kind = CASE id % 3 WHEN 0 THEN 'unreachable' ELSE 'session' END, held_reason = 'session `' || session_name || '` is SCAN_QR_CODE',
    held_until = strftime('%Y-%m-%dT%H:%M:%SZ', (SELECT now FROM moment), '+10 minutes') WHERE id % 8 = 3;
UPDATE channels SET held_reason = 'libur' WHERE id % 40 = 7;
INSERT INTO channel_days (channel_id, day, claimed, received)
SELECT c.id, date((SELECT now FROM moment), '-' || d.value || ' days'), 20 + c.id % 30, c.id % 11
FROM channels c, json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29]') d;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO contacts (id, name, phone_number, tags, attributes, opted_out_at)
SELECT i, CASE i % 6 WHEN 0 THEN 'Budi Santoso' WHEN 1 THEN 'Siti Rahayu' WHEN 2 THEN 'Agus Wijaya' WHEN 3 THEN 'Dewi Lestari' WHEN 4 THEN 'Muhammad Rizky Ramadhan' ELSE 'Ni Luh Ayu' END || ' ' || i,
    '+62812' || printf('%08d', i),
    CASE i % 10 WHEN 0 THEN '["pelanggan","vip","kota ' || (i / 10 % 90) || '"]' WHEN 1 THEN '[]' ELSE '["pelanggan","kota ' || (i / 10 % 90) || '"]' END,
    CASE WHEN i % 50 THEN '{"kota":"Bandung","poin":"' || i % 400 || '"}' ELSE '{}' END,
    CASE WHEN i % 500 = 0 THEN (SELECT now FROM moment) END
FROM n;

-- What went out in 90 days: 5,000 messages to twelve each, some of them in part only.
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO auto_messages (id, title, message, channel_id, contact_ids, contact_count, scheduled_at, status, sent_at, sent_count, failed_count, unknown_count, created_by, created_at, updated_at)
SELECT i, CASE i % 3 WHEN 0 THEN 'Promo akhir pekan ' WHEN 1 THEN 'Pengingat kontrol ' ELSE 'Info stok baru ' END || i,
    'Halo {{name|Kak}}, diskon 20% untuk semua roti sampai hari Minggu. Sampai jumpa di toko kami, buka setiap hari pukul 07.00 sampai 21.00 di semua cabang; tunjukkan pesan ini di kasir.',
    1 + i % 200, '[1,2,3]', 12, m.at, CASE WHEN i % 50 = 0 THEN 'failed' ELSE 'sent' END, m.at,
    CASE WHEN i % 50 = 0 THEN 0 ELSE 12 - (i % 20 = 1) - 2 * (i % 30 = 2) END, CASE WHEN i % 50 = 0 THEN 12 ELSE i % 20 = 1 END, 2 * (i % 30 = 2), 'panel', m.at, m.at
FROM (SELECT i, strftime('%Y-%m-%dT%H:%M:%SZ', (SELECT now FROM moment), '-' || ((5001 - i) * 26) || ' minutes') AS at FROM n) m;
INSERT INTO deliveries (auto_message_id, due_at, channel_id, contact_id, name, chat_id, status, attempts, text, waha_message_id, ack, error, claimed_at, finished_at)
SELECT m.id, m.scheduled_at, m.channel_id, CASE WHEN r.value < 12 THEN c.id END, c.name, substr(c.phone_number, 2) || '@c.us',
    CASE WHEN r.value <= m.failed_count THEN 'failed' WHEN r.value <= m.failed_count + m.unknown_count THEN 'unknown' ELSE 'sent' END,
    1, 'Halo ' || c.name || ', diskon 20% untuk semua roti sampai hari Minggu. Sampai jumpa di toko kami!',
    CASE WHEN r.value > m.failed_count + m.unknown_count THEN printf('3EB0%016X', m.id * 20 + r.value) END,
    CASE WHEN r.value > m.failed_count + m.unknown_count THEN 1 + (m.id + r.value) % 3 END,
    CASE WHEN r.value <= m.failed_count THEN 'the number is not on WhatsApp' END, m.scheduled_at, m.scheduled_at
FROM auto_messages m, json_each('[1,2,3,4,5,6,7,8,9,10,11,12]') r JOIN contacts c ON c.id = 1 + (m.id * 37 + r.value * 7919) % 100000
WHERE m.id <= 5000;

-- One on its way to 10,000, the first 4,000 of whom have it.
INSERT INTO auto_messages (id, title, message, channel_id, contact_ids, contact_count, scheduled_at, status, sent_count, failed_count, created_by)
SELECT 5001, 'Kepada semua pelanggan', 'Halo {{name|Kak}}, toko kami pindah.', 1, '["tag:pelanggan"]', 10000, strftime('%Y-%m-%dT%H:%M:%SZ', now, '-3 hours'), 'sending', 3960, 40, 'panel' FROM moment;
INSERT INTO deliveries (auto_message_id, due_at, channel_id, contact_id, name, chat_id, status, attempts, text, waha_message_id, ack, error, claimed_at, finished_at)
SELECT m.id, m.scheduled_at, 1, c.id, c.name, substr(c.phone_number, 2) || '@c.us', CASE WHEN c.id > 24000 THEN 'pending' WHEN c.id % 100 THEN 'sent' ELSE 'failed' END,
    c.id <= 24000, CASE WHEN c.id <= 24000 THEN 'Halo ' || c.name || ', toko kami pindah.' END, CASE WHEN c.id <= 24000 AND c.id % 100 THEN 'A' || c.id END,
    CASE WHEN c.id <= 24000 AND c.id % 100 THEN 2 END, CASE WHEN c.id <= 24000 AND c.id % 100 = 0 THEN 'the number is not on WhatsApp' END,
    CASE WHEN c.id <= 24000 THEN m.scheduled_at END, CASE WHEN c.id <= 24000 THEN m.scheduled_at END
FROM auto_messages m, contacts c WHERE m.id = 5001 AND c.id BETWEEN 20001 AND 30000;

-- One that will go to the 10,000 with a tag, and what comes in three weeks: 4,798 messages on all numbers, every tenth again and
-- again, some to a whole tag.
INSERT INTO auto_messages (id, title, message, channel_id, contact_ids, contact_count, scheduled_at, status, created_by)
SELECT 5002, 'Kepada sepuluh ribu', 'Halo {{name|Kak}}, sampai jumpa.', 2, '["tag:vip"]', 10000,
    strftime('%Y-%m-%dT%H:%M:%SZ', now, '+2 days'), 'scheduled', 'panel' FROM moment;
WITH RECURSIVE n(i) AS (SELECT 5003 UNION ALL SELECT i + 1 FROM n WHERE i < 9800)
INSERT INTO auto_messages (id, title, message, channel_id, contact_ids, contact_count, scheduled_at, interval_config, schedules, status, created_by)
SELECT i, CASE i % 4 WHEN 0 THEN NULL ELSE 'Pengingat jadwal untuk pelanggan setia nomor ' || i END,
    'Halo {{name|Kak}}, jangan lupa jadwal kontrol besok pukul 09.00 di klinik kami. Balas STOP untuk berhenti menerima pesan seperti ini.', 1 + i % 200,
    CASE WHEN i % 400 = 1 THEN '["tag:kota ' || i % 90 || '"]' ELSE '[' || (i * 7) || ',' || (i * 7 + 1) || ',' || (i * 7 + 2) || ',"0812' || printf('%08d', i) || '"]' END,
    CASE WHEN i % 400 = 1 THEN 900 ELSE 4 END,
    strftime('%Y-%m-%dT%H:%M:%SZ', (SELECT now FROM moment), '+' || ((i - 5002) * 6) || ' minutes'),
    CASE WHEN i % 10 = 0 THEN '{"time":"08:00","weekDays":[0,1,2,3,4,5,6]}' END,
    NULL, 'scheduled', 'panel'
FROM n;

WITH RECURSIVE n(i) AS (SELECT 9801 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO auto_messages (id, title, message, contact_ids, contact_count, scheduled_at, status, created_by)
SELECT i, 'Konsep ' || i, 'Halo {{name|Kak}}, terima kasih sudah berlangganan.', '[7]', 1, (SELECT now FROM moment), CASE i % 2 WHEN 0 THEN 'draft' ELSE 'cancelled' END, 'panel'
FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO runs (trigger, remote, started_at, finished_at, processed, success, failed)
SELECT CASE i % 4 WHEN 0 THEN 'timer' WHEN 1 THEN 'api' ELSE 'cron' END, CASE i % 4 WHEN 0 THEN NULL ELSE '127.0.0.1' END,
    at, at, i % 3, i % 3, 0
FROM (SELECT i, strftime('%Y-%m-%dT%H:%M:%SZ', (SELECT now FROM moment), '-' || ((5001 - i) * 20) || ' minutes') AS at FROM n);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO acts (at, door, who, what, kind, about, number)
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (SELECT now FROM moment), '-' || ((20001 - i) * 5) || ' minutes'),
    CASE i % 3 WHEN 0 THEN 'panel' WHEN 1 THEN 'api' ELSE 'cli' END, CASE i % 3 WHEN 2 THEN NULL ELSE '127.0.0.1' END,
    CASE i % 2 WHEN 0 THEN 'message_added' ELSE 'contact_edited' END, CASE i % 2 WHEN 0 THEN 'message' ELSE 'contact' END, 1 + i % 5000, NULL
FROM n;

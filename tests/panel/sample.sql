-- A shop that has used the program for a month: what the screenshots show. Times are relative to now.

UPDATE channels SET name = 'Toko Melati', session_name = 'default' WHERE id = 1;
INSERT INTO channels (id, name, session_name, held_reason, held_kind, held_until, held_code, held_args) VALUES
    (2, 'Klinik Sehat', 'klinik', 'session `klinik` is SCAN_QR_CODE', 'session', datetime('now', '+10 minutes'),
        'session_not_working', '{"session":"klinik","status":"SCAN_QR_CODE"}');
INSERT INTO meta (key, value) VALUES ('panel_test', '1000000');

WITH names(i, name) AS (VALUES (1, 'Budi Santoso'), (2, 'Siti Rahayu'), (3, 'Agus Wijaya'), (4, 'Dewi Lestari'), (5, 'Eko Prasetyo'),
    (6, 'Fitri Handayani'), (7, 'Gunawan'), (8, 'Hesti Purnama'), (9, 'Indra Kusuma'), (10, 'Joko Susilo'), (11, 'Kartika Sari'), (12, 'Lukman Hakim'))
INSERT INTO contacts (name, phone_number, tags, attributes)
SELECT name || CASE WHEN r.n = 0 THEN '' ELSE ' ' || char(64 + r.n) || '.' END, '+62812' || printf('%08d', 34567000 + r.n * 100 + i),
    CASE i % 3 WHEN 0 THEN '["pelanggan","vip"]' WHEN 1 THEN '["pelanggan"]' ELSE '["pasien"]' END, '{"kota":"Bandung"}'
FROM names, (WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 9) SELECT n FROM c) r ORDER BY r.n DESC, i DESC;
UPDATE contacts SET opted_out_at = datetime('now', '-3 days') WHERE id IN (117, 111);

-- Thirty days of promotions and reminders, each with its deliveries.
WITH RECURSIVE days(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM days WHERE n < 30)
INSERT INTO auto_messages (title, message, channel_id, contact_ids, contact_count, scheduled_at, status, sent_at, sent_count, failed_count, unknown_count, created_by)
SELECT CASE n % 3 WHEN 0 THEN 'Promo akhir pekan' WHEN 1 THEN 'Pengingat kontrol' ELSE 'Info stok baru' END,
    CASE n % 3 WHEN 0 THEN 'Halo {{name|Kak}}, diskon 20% untuk semua roti sampai hari Minggu. Sampai jumpa di toko!'
        WHEN 1 THEN 'Halo {{name|Kak}}, jangan lupa jadwal kontrol besok pukul 09.00 di klinik.' ELSE 'Stok kopi Gayo sudah datang lagi, {{name|Kak}}. Mau kami sisihkan?' END,
    1, '[1]', 8 + (n * 7) % 23, datetime('now', '-1 hours', '-' || (30 - n) || ' days'), 'sent', datetime('now', '-1 hours', '-' || (30 - n) || ' days'),
    8 + (n * 7) % 23 - (n % 5 = 0) * 2 - (n % 11 = 0), (n % 5 = 0) * 2, (n % 11 = 0), 'panel'
FROM days;
INSERT INTO deliveries (auto_message_id, due_at, channel_id, contact_id, name, chat_id, status, attempts, text, waha_message_id, ack, error, error_code, claimed_at, finished_at)
SELECT m.id, m.scheduled_at, 1, c.id, c.name, substr(c.phone_number, 2) || '@c.us',
    CASE WHEN c.id <= m.failed_count THEN 'failed' WHEN c.id <= m.failed_count + m.unknown_count THEN 'unknown' ELSE 'sent' END,
    1, replace(m.message, '{{name|Kak}}', c.name), CASE WHEN c.id <= m.failed_count + m.unknown_count THEN NULL ELSE 'A' || m.id || 'B' || c.id END,
    CASE WHEN c.id <= m.failed_count + m.unknown_count THEN NULL WHEN c.id % 4 = 0 THEN 1 WHEN c.id % 4 = 1 THEN 2 ELSE 3 END,
    CASE WHEN c.id <= m.failed_count THEN 'not on WhatsApp' END, CASE WHEN c.id <= m.failed_count THEN 'not_on_whatsapp' END,
    datetime(m.scheduled_at, '+' || c.id || ' minutes'), datetime(m.scheduled_at, '+' || c.id || ' minutes')
FROM auto_messages m JOIN contacts c ON c.id <= m.contact_count;

-- What comes next.
INSERT INTO auto_messages (title, message, contact_ids, contact_count, scheduled_at, interval_config, status, created_by) VALUES
    ('Promo hari Jumat', 'Halo {{name|Kak}}, hari ini beli 2 gratis 1 untuk semua kue.', '[1,2,3]', 42, datetime('now', '+3 hours'), '{"time":"08:00","weekDays":["fri"]}', 'scheduled', 'panel'),
    ('Menu hari ini', 'Selamat pagi {{name|Kak}}, roti hangat keluar pukul 7.', (SELECT json_group_array(id) FROM contacts WHERE id <= 40), 40, date('now', '+2 days') || 'T00:00:00Z', '{"time":"07:00","weekDays":["mon","tue","wed","thu","fri","sat","sun"]}', 'scheduled', 'panel'),
    ('Kontrol rutin', 'Halo {{name|Kak}}, besok jadwal kontrol Anda di klinik.', (SELECT json_group_array(id) FROM contacts WHERE id % 3 = 1), 40, date('now', '+2 days') || 'T03:00:00Z', NULL, 'scheduled', 'panel'),
    ('Diskon akhir tahun', 'Halo {{name|Kak}}, diskon 20% sampai tanggal 31.', (SELECT json_group_array(id) FROM contacts), 120, date('now', '+3 days') || 'T02:30:00Z', NULL, 'scheduled', 'panel'),
    ('Pengingat tagihan', 'Selamat pagi {{name|Kak}}, tagihan bulan ini jatuh tempo tanggal 5.', '[4,5]', 18, datetime('now', '+1 day'), NULL, 'scheduled', 'panel'),
    ('Ucapan tahun baru', 'Selamat tahun baru, {{name|Kak}}! Terima kasih sudah berlangganan.', '[6]', 120, datetime('now', '+20 days'), NULL, 'scheduled', 'panel'),
    ('Libur lebaran', 'Toko kami tutup tanggal 30 sampai 3.', '[7]', 60, datetime('now', '+40 days'), NULL, 'draft', 'panel'),
    ('Undangan lama', 'Acara dibatalkan.', '[8]', 12, datetime('now', '+5 days'), NULL, 'cancelled', 'panel');

WITH RECURSIVE runs_made(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM runs_made WHERE n < 40)
INSERT INTO runs (trigger, remote, started_at, finished_at, processed, success, failed)
SELECT CASE n % 4 WHEN 0 THEN 'timer' WHEN 1 THEN 'api' ELSE 'cron' END, CASE n % 4 WHEN 0 THEN NULL ELSE '127.0.0.1' END,
    datetime('now', '-' || ((41 - n) * 7 - 3) || ' minutes'), datetime('now', '-' || ((41 - n) * 7 - 3) || ' minutes', '+' || (n * 5 % 50) || ' seconds'), n % 3, n % 3, 0
FROM runs_made;

UPDATE runs SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', started_at), finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', finished_at);
UPDATE deliveries SET claimed_at = strftime('%Y-%m-%dT%H:%M:%SZ', claimed_at), finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', finished_at);
UPDATE deliveries SET due_at = strftime('%Y-%m-%dT%H:%M:%SZ', due_at);
-- As the program counts while it sends.
INSERT INTO channel_days (channel_id, day, claimed, received)
SELECT channel_id, date(claimed_at, '+7 hours'), count(*), count(*) / 4 FROM deliveries GROUP BY 1, 2;

#!/usr/bin/env bash
# Breaks the program on purpose, one promise at a time, and sees that a test notices. Works on a copy
# of what is committed. Prints a line for each mutation; ends with 1 when one goes unnoticed.
set -uo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
git archive HEAD | tar -x -C "$place"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/mutations} RUST_BACKTRACE=0
cd "$place"

unnoticed=0
mutate() { # what is broken, file, perl expression
    cp "$2" "$place/original"
    perl -0pi -e "$3" "$2"
    if cmp -s "$2" "$place/original"; then
        echo "$1: the code to break was not found"
        unnoticed=1
        return
    fi
    tests=(claim:: windows:: daily_limit:: outcomes:: pacing:: lifecycle:: lookups:: engine:: delivery::
        reply:: lock:: planning:: changes_while_waiting:: timetables:: callbacks:: lists::
        media:: times:: simulation::the_promises_hold_for_every_seed_with)
    if ! cargo test --no-run --locked --lib --test behaviour 2>"$place/built"; then
        echo "$1: the broken program does not even compile"
        grep -m3 '^error' "$place/built"
        unnoticed=1
        cp "$place/original" "$2"
        return
    fi
    # A program that sends for ever is noticed by a test that does not end.
    output=$(timeout 300 cargo test --no-fail-fast --locked --lib --test behaviour -- "${tests[@]}" 2>&1) ||
        [ $? != 124 ] || output="$output
test one that does not end ... FAILED"
    failed=$(grep -c '\.\.\. FAILED' <<<"$output")
    first=$(grep -m1 '\.\.\. FAILED' <<<"$output" | sed 's/^test //; s/ \.\.\. FAILED//')
    if [ "$failed" = 0 ]; then
        echo "$1: UNNOTICED"
        unnoticed=1
    else
        echo "$1: noticed by $failed tests, such as $first"
    fi
    cp "$place/original" "$2"
}

mutate 'the claim is not on the disk before the request' src/store/deliveries.rs \
    's/SET status = .sending., attempts = attempts \+ 1/SET status = \x27pending\x27, attempts = attempts + 1/'
mutate 'the claim does not look at the channel' src/store/deliveries.rs \
    's/AND EXISTS \(SELECT 1 FROM channels c.*?IS :seen_daily_limit\)/AND (:session IS NOT :seen_ready_at OR :seen_send_window IS NOT :seen_daily_limit)/s'
mutate 'a delivery of any channel is taken' src/store/deliveries.rs \
    's/WHERE d\.channel_id = :channel_id AND d\.status/WHERE :channel_id = :channel_id AND d.status/; s/status = .pending. AND channel_id = :channel_id/status = \x27pending\x27/'
mutate 'a 500 counts as not sent' src/waha/reply.rs \
    's/300\.\.=407 \| 409\.\.=499 =>/300..=407 | 409..=599 =>/'
mutate 'unknown is sent again' src/delivery.rs \
    's/Transition::ended\(Status::Unknown,/Transition::ended(Status::Pending,/'
mutate 'what was under way is sent again after a crash' src/store/deliveries.rs \
    's/SET status = .unknown., finished_at = :now/SET status = \x27pending\x27, claimed_at = NULL, finished_at = :now/'
mutate 'the pace does not count from the end of a send' src/engine/record.rs \
    's/channel, ready_at, is_sent/channel, now.wall, is_sent/; s/memory\.note_pace\(ready_at, ready\)/memory.note_pace(now.wall, now.monotonic)/; s/After::Ready\(ready\)/After::Ready(now.monotonic)/'
mutate 'two processes may send' src/lock.rs \
    's/Err\(TryLockError::WouldBlock\) => Ok\(None\)/Err(TryLockError::WouldBlock) => Ok(Some(Self { _file: file }))/'
mutate 'a window that ended before the claim is not seen' src/engine/worker.rs \
    's/if !allowance\.window\.contains\(zone, now\.wall\)/if false/'
mutate 'one more than the daily limit' src/store/deliveries.rs \
    's/:day_limit > coalesce/:day_limit >= coalesce/'
mutate 'a claim does not count for its day' src/store/deliveries.rs \
    's/self\.count_claim\(request\.channel_id, request\.day\)\?;//'
mutate 'a message goes out before all of it is planned' src/engine/portions.rs \
    's/tx\.begin_planning\(id, due_at\)\?;/tx.begin_planning(id, due_at)?; tx.end_planning(id)?; tx.start_sending(id, due_at, &self.config.zone, now)?;/'
mutate 'who was taken out of a half planned message gets it' src/engine/portions.rs \
    's/if tx\.remove_unplanned\(id, begun, portion\)\? == portion/if false/'
mutate 'a date that went out is not remembered' src/store/messages.rs \
    's/taken_local = max\(iif\(taken_local < :ahead, taken_local, \x27\x27\),/taken_local = min(\x270\x27,/'
mutate 'a time of another zone is not worked out anew' src/schedule/timetable.rs \
    's/Some\(local\) if self\.is_from_rule\(\) && !is_of => zone\.to_utc\(local\)/Some(local) if false => zone.to_utc(local)/'
mutate 'a contact that was removed or corrected gets it at the old number' src/store/deliveries.rs \
    's/ AND NOT \{IS_CONTACT_CHANGED\}//; s/CASE WHEN \{IS_CONTACT_CHANGED\} THEN 1 WHEN \{IS_OPTED_OUT\}/CASE WHEN {IS_OPTED_OUT} AND {IS_CONTACT_CHANGED} THEN 1 WHEN {IS_OPTED_OUT}/'
mutate 'a later callback of a message overtakes the one before' src/store/callbacks.rs \
    's/ AND p\.id < c\.id\)/ AND p.id < c.id AND 0)/'
mutate 'a callback is marked before it was taken' src/alarm/callbacks.rs \
    's/fail_point::reach\("callback_read"\);/self.store.write(|tx| tx.note_callback_told(callback.id, now.wall))?; fail_point::reach("callback_read");/'
mutate 'a name goes along that should not' src/alarm/callbacks.rs \
    's/fields\.remove\("name"\);//'
mutate 'a fact of a delivery is no callback' migrations/V21__callbacks.sql \
    's/WHERE \(NEW\.status <> OLD\.status AND/WHERE (0 AND/'
mutate 'a rule with its own zone has its local times in another' src/store/settle.rs \
    's/local_text\(at, &self\.rule_zone\(id, zone\)\?\)/local_text(at, zone)/'
mutate 'a landline goes before a mobile number' src/recipient/phone.rs \
    's/self\.0 == "62" && digits\.starts_with\("62"\) && /false \&\& /'
mutate 'a yes in the column of opt-outs is none' src/contacts/import/heading.rs \
    's/(Self::Yes if is_in\(YES, &word\).*?) => Some\(true\)/$1 => Some(false)/s'
mutate 'cells beyond the headings are cut in silence' src/contacts/import/row.rs \
    's/_ if count <= columns =>/_ if count > 0 =>/'
mutate 'a picture without words is known by any other' src/content.rs \
    's/Kind::Text \| Kind::Media\(_\) => !words\.trim\(\)\.is_empty\(\),/Kind::Text | Kind::Media(_) => true,/'
mutate 'a text with the words of a caption is taken for the picture' src/engine/lookup.rs \
    's/one\.has_media\.is_none_or\(\|has_media\| has_media == unknown\.has_media\(\)\)/true/'
mutate 'a claim of another appliance counts as ours' src/supabase/protocol/claims.rs \
    's/Some\(held\) if held\.token == claim\.token =>/Some(held) if !held.token.is_empty() =>/'
mutate 'what a takeover found open is sent' src/store/link.rs \
    's/SET claim_token = :token, state = \x27ended\x27/SET claim_token = :token, state = \x27claimed\x27/'
exit $unnoticed

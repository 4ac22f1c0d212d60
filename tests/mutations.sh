#!/usr/bin/env bash
# Breaks the program on purpose, one promise at a time, and sees that a test notices. Works on a copy
# of what is committed. `ONLY='supabase|store/link'` takes those whose words or file fit. Prints a line for each mutation; ends with 1 when one goes unnoticed.
set -uo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
mkdir "$place/target"
ln -s "$PWD/target/supabase-tools" "$place/target/" # PostgREST: see tests/supabase/up.sh
trap 'rm -rf "$place"' EXIT
git archive HEAD | tar -x -C "$place"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/mutations} RUST_BACKTRACE=0
cd "$place"

unnoticed=0
mutate() { # what is broken, file, perl expression, names of tests (all that are quick when there are none)
    [[ "$1 $2" =~ ${ONLY:-.} ]] || return
    cp "$2" "$place/original"
    perl -0pi -e "$3" "$2"
    if cmp -s "$2" "$place/original"; then
        echo "$1: the code to break was not found"
        unnoticed=1
        return
    fi
    tests=("${@:4}")
    [ ${#tests[@]} -gt 0 ] || tests=(claim:: windows:: daily_limit:: outcomes:: pacing:: lifecycle:: lookups:: engine:: delivery::
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
    's/AND EXISTS \(SELECT 1 FROM channels c.*?IS :seen_channel_gap\)/AND (:session IS NOT :seen_ready_at OR :seen_send_window IS NOT :seen_daily_limit OR :seen_warmup_from IS NOT :seen_channel_gap)/s'
mutate 'a delivery of any channel is taken' src/store/deliveries.rs \
    's/WHERE d\.channel_id = :channel_id AND d\.status/WHERE :channel_id = :channel_id AND d.status/; s/status = .pending. AND channel_id = :channel_id/status = \x27pending\x27/'
mutate 'a 500 counts as not sent' src/waha/send.rs \
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
mutate 'a message goes out before all of it is planned' src/engine/plan.rs \
    's/tx\.begin_planning\(id, due_at\)\?;/tx.begin_planning(id, due_at)?; tx.end_planning(id)?; tx.start_sending(id, due_at, &self.config.zone, now)?;/'
mutate 'who was taken out of a half planned message gets it' src/engine/plan.rs \
    's/if tx\.remove_unplanned\(id, begun, portion\)\? == portion/if false/'
mutate 'a date that went out is not remembered' src/store/occurrences.rs \
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
mutate 'a rule with its own zone has its local times in another' src/store/occurrences.rs \
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
for door in the_preview the_page_of_a_message the_lists; do
    mutate "a constant in place of the forecast, for $door" src/forecast/view.rs \
        's/(pub\(super\) fn finish\(&mut self\) \{)/$1 self.tally.too_late = 0; self.tally.goes_out = 10; self.tally.ends_at = self.due_at;/' \
        "panel::ahead::${door}_sa"
done
mutate 'a claim of another appliance counts as ours' src/supabase/protocol/claims.rs \
    's/Some\(held\) if held\.token == claim\.token =>/Some(held) if !held.token.is_empty() =>/' \
    link_real::a_row_that_another simulation::the_promises_hold_for_every_seed_with
mutate 'what a takeover found open is sent' src/store/link.rs \
    's/SET claim_token = :token, state = \x27ended\x27/SET claim_token = :token, state = \x27claimed\x27/' \
    link_real::of_two link_real::a_database simulation::the_promises_hold_for_every_seed_with

# The link, with a real PostgreSQL and PostgREST.
mutate 'a claim is asked for before it is written here' src/supabase/protocol/claims.rs \
    's/let meant = self\.write\(\|tx\| \{(.*?)\}\)\?;\n *fail_point::reach\("link_intended"\);/let tokens: Vec<String> = batch.iter().map(|_| fastrand::u64(..).to_string()).collect();
        if pass.state.is_shared {
            let rows = batch.iter().zip(&tokens).map(|((found, _), token)| json!({
                "auto_message_id": found.id, "due_at": found.due_at,
                "claimed_by": pass.state.appliance, "claim_token": token,
            }));
            self.remote.claim(&rows.collect::<Vec<_>>())?;
            fail_point::reach("link_claim_sent");
            self.write(|tx| batch.iter().zip(&tokens).try_for_each(|((found, local), token)| {
                tx.keep_foreign_claim(project, &found.id, (&found.due_at, *local), token, now)?;
                let claim = tx.link_claim(project, &found.id, &found.due_at)?.unwrap();
                tx.set_claim_state(claim.id, ClaimState::Claimed)
            }))?;
            self.plan_claimed(pass)?;
            continue;
        }
        let meant = self.write(|tx| {$1})?;/s' link_faults::a_program_that_is_killed
mutate 'what the website changed meanwhile is overwritten' src/supabase/remote.rs \
    's/known\.into_iter\(\)\.chain\(updated_at\)/known.into_iter().take(1).chain(updated_at.filter(|_| false))/; s/Filter::equal\("status", status\)/Filter::equal("id", &guard.id)/' \
    link_real::a_row_that link_real::what_the_website simulation::the_promises_hold_for_every_seed_with
mutate 'what a lost database had under way counts as not sent' src/supabase/remote.rs \
    's/json!\(\{ "status": "unknown", /json!({ "status": "cancelled", /' link_real::a_database link_real::of_two
mutate 'a backup does not notice that it was restored' src/store/link.rs \
    's/linked != history/linked.is_empty()/' link_faults::a_backup link_changes::people
mutate 'people are added to what a lost database may have sent' src/store/link.rs \
    's/claim_id <= until/claim_id < 0.min(until)/' link_changes::people simulation::the_promises_hold_for_every_seed_with
mutate 'what is planned again is settled in the project' src/supabase/protocol/planning.rs \
    's/if pass\.state\.is_shared \{\n( *let body = serde_json::json!\(\{ "settled_at": null)/if pass.state.appliance.is_empty() {\n$1/' link_changes::people
mutate 'a claim settles before the results of its deliveries are there' src/supabase/protocol/settling.rs \
    's/link\.write_deliveries\(pass\)\?; \/\/ Before/\/\/ Before/' link_faults::before
mutate 'a list that was written in another zone is read in TIMEZONE' src/supabase/times.rs \
    's/Some\(offset\) => Timestamp::from_secs\(local\.assume_utc\(\)\.unix_timestamp\(\) - offset\)/Some(_) => zone.to_utc(*local)/' \
    supabase::times link_real::each_time
mutate 'what was due before the link is sent' src/supabase/remote.rs \
    's/\.and\("scheduled_at", "gte", since\)/.and("scheduled_at", "gte", since.get(99..).unwrap_or("2000-01-01T00:00:00Z"))/' link_real::a_due_row
mutate 'a link that is off takes what is due' src/supabase/protocol.rs \
    's/if !pass\.state\.is_on \{/if pass.state.appliance.is_empty() {/' link_changes::a_link
exit $unnoticed

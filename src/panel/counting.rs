//! What takes longer than a page may, counted beside it: by a thread with a connection of its own, so that no other
//! page waits. A page waits a moment; then it says that it is being counted, and asks again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, Wake, lock};

const PATIENCE: Duration = Duration::from_millis(40);
/// How long an answer is kept for whoever asks again.
const KEPT: Duration = Duration::from_secs(10);
const AT_A_TIME: usize = 2;

/// What is being counted and what was a moment ago.
pub(super) struct Counting<Q, A> {
    clock: Arc<dyn Clock>,
    slots: Mutex<Vec<Slot<Q, A>>>,
}

struct Slot<Q, A> {
    question: Q,
    state: State<A>,
    /// Rung at its end.
    done: Wake,
}

enum State<A> {
    Begun,
    /// Since when, on the monotonic clock; without an answer it could not be counted.
    Ended(Duration, Option<Arc<A>>),
}

type Work<A> = Box<dyn FnOnce() -> Option<A> + Send>;

pub(super) enum Counted<A> {
    Yes(Arc<A>),
    NotYet,
    /// It could not be counted beside the page.
    Failed,
}

impl<Q, A> Counting<Q, A>
where
    Q: Clone + PartialEq + Send + 'static,
    A: Send + Sync + 'static,
{
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, slots: Mutex::default() })
    }

    /// The answer to a question, when it is there within a moment. `work` finds it, unless that was begun before.
    pub(super) fn ask(
        self: &Arc<Self>,
        question: &Q,
        work: impl FnOnce() -> Option<A> + Send + 'static,
    ) -> Counted<A> {
        let Some(done) = self.begin(question, Box::new(work)) else { return Counted::NotYet };
        self.clock.sleep(&done, 0, Some(PATIENCE));
        let slots = lock(&self.slots);
        match slots.iter().find(|slot| slot.question == *question).map(|slot| &slot.state) {
            Some(State::Ended(_, Some(answer))) => Counted::Yes(Arc::clone(answer)),
            Some(State::Ended(_, None)) => Counted::Failed,
            Some(State::Begun) | None => Counted::NotYet,
        }
    }

    /// Begins to count, unless somebody did. Returns the bell of its end; `None` when too much else is counted.
    fn begin(self: &Arc<Self>, question: &Q, work: Work<A>) -> Option<Wake> {
        let mut slots = lock(&self.slots);
        let now = self.clock.now().monotonic;
        slots.retain(|slot| match slot.state {
            State::Begun => true,
            State::Ended(at, _) => now.saturating_sub(at) < KEPT,
        });
        if let Some(slot) = slots.iter().find(|slot| slot.question == *question) {
            return Some(slot.done.clone());
        }
        let begun = slots.iter().filter(|slot| matches!(slot.state, State::Begun)).count();
        if begun >= AT_A_TIME {
            return None;
        }
        let done = Wake::default();
        slots.push(Slot { question: question.clone(), state: State::Begun, done: done.clone() });
        drop(slots);
        let (this, bell) = (Arc::clone(self), done.clone());
        let thread = thread::Builder::new().name("panel-count".to_owned()).spawn(move || {
            let answer = catch_unwind(AssertUnwindSafe(work)).ok().flatten();
            this.end(&bell, answer);
        });
        if thread.is_err() {
            self.end(&done, None);
        }
        Some(done)
    }

    /// Counts all anew: something was changed.
    pub(super) fn forget(&self) {
        lock(&self.slots).clear();
    }

    /// Keeps an answer in the slot with this bell; one that was forgotten has none.
    fn end(&self, bell: &Wake, answer: Option<A>) {
        let now = self.clock.now().monotonic;
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.iter_mut().find(|slot| slot.done.is(bell)) {
            slot.state = State::Ended(now, answer.map(Arc::new));
            slot.done.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::clock::SystemClock;

    fn counting() -> Arc<Counting<u8, String>> {
        Counting::new(Arc::new(SystemClock::default()))
    }

    fn until_counted(counting: &Arc<Counting<u8, String>>, question: u8) -> String {
        loop {
            match counting.ask(&question, || unreachable!("it is begun, or kept")) {
                Counted::Yes(answer) => return (*answer).clone(),
                Counted::NotYet => {}
                Counted::Failed => panic!("it was counted"),
            }
        }
    }

    #[test]
    fn a_page_does_not_wait_for_what_takes_long_and_gets_it_when_it_asks_again() {
        let counting = counting();
        let (go, wait) = mpsc::channel::<()>();
        let work = move || wait.recv().ok().map(|()| "ten".to_owned());
        assert!(matches!(counting.ask(&1, work), Counted::NotYet));
        // Begun once: whoever asks again waits for the same.
        let again = counting.ask(&1, || Some("twice".to_owned()));
        assert!(matches!(again, Counted::NotYet));
        go.send(()).unwrap();
        assert_eq!(until_counted(&counting, 1), "ten");
        assert_eq!(until_counted(&counting, 1), "ten", "kept for a moment");
    }

    #[test]
    fn more_than_two_at_a_time_come_later() {
        let counting = counting();
        let begin = |question| {
            let (go, wait) = mpsc::channel::<()>();
            let counted =
                counting.ask(&question, move || wait.recv().ok().map(|()| question.to_string()));
            assert!(matches!(counted, Counted::NotYet));
            go
        };
        let (first, second) = (begin(1), begin(2));
        let third = counting.ask(&3, || unreachable!("two are counted"));
        assert!(matches!(third, Counted::NotYet));
        first.send(()).unwrap();
        assert_eq!(until_counted(&counting, 1), "1");
        let third = begin(3);
        second.send(()).unwrap();
        third.send(()).unwrap();
        assert_eq!(until_counted(&counting, 3), "3");
    }

    #[test]
    fn what_was_begun_before_a_change_answers_nobody_after_it() {
        let counting = counting();
        let (go, wait) = mpsc::channel::<()>();
        let work = move || wait.recv().ok().map(|()| "before".to_owned());
        assert!(matches!(counting.ask(&1, work), Counted::NotYet));
        counting.forget();
        go.send(()).unwrap();
        let mut asked = counting.ask(&1, || Some("after".to_owned()));
        while matches!(asked, Counted::NotYet) {
            asked = counting.ask(&1, || unreachable!("it is begun, or kept"));
        }
        assert!(matches!(asked, Counted::Yes(answer) if *answer == "after"));
    }

    #[test]
    fn what_breaks_is_told_and_not_waited_for() {
        let counting = counting();
        loop {
            match counting.ask(&1, || panic!("on purpose")) {
                Counted::Failed => break,
                Counted::NotYet => {}
                Counted::Yes(_) => panic!("nothing was counted"),
            }
        }
    }
}

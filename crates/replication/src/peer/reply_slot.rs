//! Where a group puts its answer.

use std::fmt;
use std::sync::Arc;

use super::PeerReply;

/// How a group has answered a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// With a reply.
    Reply(PeerReply),
    /// It will not, and has not.
    Refused(Arc<str>),
    /// The slot was dropped.
    Dropped,
}

/// Where a group puts its answer, at any later time and from any thread. A slot that is dropped tells the caller so
/// ([`CallError::Dropped`](super::CallError::Dropped)).
pub struct ReplySlot(Option<Box<dyn FnOnce(Answered) + Send>>);

impl ReplySlot {
    /// A slot; `answer` is called once. It must not block.
    pub fn new(answer: impl FnOnce(Answered) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    /// Answers.
    pub fn answer(mut self, reply: PeerReply) {
        self.give(Answered::Reply(reply));
    }

    /// Answers that the request has not been acted upon, and why.
    pub fn refuse(mut self, reason: impl Into<Arc<str>>) {
        self.give(Answered::Refused(reason.into()));
    }

    /// Answers with a reply, or refuses with the reason why there is none.
    pub fn settle(self, answer: Result<PeerReply, String>) {
        match answer {
            Ok(reply) => self.answer(reply),
            Err(reason) => self.refuse(reason),
        }
    }

    fn give(&mut self, answered: Answered) {
        if let Some(answer) = self.0.take() {
            answer(answered);
        }
    }
}

impl Drop for ReplySlot {
    fn drop(&mut self) {
        self.give(Answered::Dropped);
    }
}

impl fmt::Debug for ReplySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplySlot")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_slot_answers_once_also_when_it_is_dropped() {
        let (sender, answers) = mpsc::channel();
        let slot = || {
            let sender = sender.clone();
            ReplySlot::new(move |answered| sender.send(answered).unwrap())
        };
        slot().answer(PeerReply::of_head("a"));
        slot().refuse("no");
        drop(slot());
        let got: Vec<_> = answers.try_iter().collect();
        assert_eq!(
            got,
            [
                Answered::Reply(PeerReply::of_head("a")),
                Answered::Refused("no".into()),
                Answered::Dropped
            ]
        );
    }
}

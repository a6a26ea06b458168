//! Deletes one incarnation of a topic.

use model::TopicId;

use crate::limits::DELETED_TOPICS_REMEMBERED;
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    /// A topic that does not exist is no error: a retry cannot be told from a mistake, and whoever names
    /// a topic has looked up its id before ([`ClusterState::plan_deletion`]).
    pub(super) fn delete_topic(&mut self, id: TopicId) -> Result<Outcome, Refusal> {
        self.formed()?;
        let Some(topic) = self.remove_topic(id) else {
            return Ok(Outcome::unchanged(Answer::TopicDeleted {
                topic: id,
                existed: false,
            }));
        };
        self.deleted_topics.push_back(id);
        if self.deleted_topics.len() > DELETED_TOPICS_REMEMBERED {
            self.deleted_topics.pop_front();
        }
        self.release_empty_brokers();
        let answer = Answer::TopicDeleted {
            topic: id,
            existed: true,
        };
        let effect = Effect::TopicDeleted {
            topic: id,
            name: topic.name().clone(),
            partitions: topic.partition_count(),
        };
        Ok(Outcome::changed(answer, effect))
    }
}

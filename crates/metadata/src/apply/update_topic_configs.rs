//! Sets configs of a topic and returns others to their defaults.

use crate::command::UpdateTopicConfigs;
use crate::config::{TopicConfig, clipped, require_row};
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    pub(super) fn update_topic_configs(
        &mut self,
        command: &UpdateTopicConfigs,
    ) -> Result<Outcome, Refusal> {
        self.formed()?;
        let topic = self.require_topic_id(command.topic)?;
        let mut overrides = topic.overrides().clone();
        for name in &command.remove {
            if command.set.contains_key(name) {
                return Err(Refusal::ConfigSetAndRemoved {
                    name: clipped(name),
                });
            }
            require_row(name)?;
            overrides.remove(name);
        }
        let set = command.set.clone();
        // Before they are merged, so that one broken override does not hide which one was asked for.
        TopicConfig::from_overrides(&set)?;
        overrides.extend(set);
        let answer = Answer::ConfigsUpdated {
            topic: command.topic,
        };
        if topic.overrides() == &overrides {
            return Ok(Outcome::unchanged(answer));
        }
        let changed = topic.with_overrides(overrides)?;
        self.remove_topic(command.topic);
        self.insert_topic(changed);
        Ok(Outcome::changed(
            answer,
            Effect::TopicConfigsChanged {
                topic: command.topic,
            },
        ))
    }
}

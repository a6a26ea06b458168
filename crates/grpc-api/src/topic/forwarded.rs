//! Deleting records: each partition's leader does it, wherever it is.

use futures_util::future::join_all;
use rpc::v1;

use super::{TopicService, describe, requests};
use crate::deadline::Deadline;
use crate::failure;
use crate::forward::{Forward, Group, Target, groups};
use crate::topic::requests::Deletion;

impl TopicService {
    pub(super) async fn delete_records(
        &self,
        request: v1::DeleteRecordsRequest,
        forward: Option<Forward>,
        deadline: Deadline,
    ) -> Result<v1::DeleteRecordsResponse, v1::Error> {
        let wanted = requests::delete_records(&request)?;
        let asked = request.partitions.into_iter().zip(wanted).collect();
        let groups = groups(asked, |(_, one): &(_, Deletion)| {
            forward.as_ref()?.elsewhere(&one.topic, one.partition)
        });
        let answers = groups.into_iter().map(|group| async {
            let forward = forward.as_ref();
            match (group.target.clone(), forward) {
                (Some(target), Some(forward)) => {
                    delete_there(group, &target, forward, deadline).await
                }
                _ => self.delete_here(group).await,
            }
        });
        let mut results: Vec<_> = join_all(answers).await.into_iter().flatten().collect();
        results.sort_by_key(|(place, _)| *place);
        let results = results.into_iter().map(|(_, result)| self.hinted(result));
        Ok(v1::DeleteRecordsResponse {
            results: results.collect(),
        })
    }

    async fn delete_here(
        &self,
        group: Group<(v1::DeleteRecordsPartition, Deletion)>,
    ) -> Vec<(usize, v1::LogStartResult)> {
        let deletions = group.parts.iter().map(|(place, (_, one))| async {
            let deleted = self
                .broker
                .delete_records(&one.topic, one.partition, one.before)
                .await;
            let result = describe::log_start(one.topic.as_str(), one.partition, deleted);
            (*place, result)
        });
        join_all(deletions).await
    }

    pub(super) async fn apply_retention(
        &self,
        request: v1::ApplyRetentionRequest,
        forward: Option<Forward>,
        deadline: Deadline,
    ) -> Result<v1::ApplyRetentionResponse, v1::Error> {
        let name = requests::name(&request.name)?;
        let applied = self.broker.apply_retention(&name).await;
        let applied = applied.map_err(|error| failure::change(&error))?;
        let groups = groups(applied, |(partition, _)| {
            forward.as_ref()?.elsewhere(&name, *partition)
        });
        let mut results = Vec::new();
        for group in groups {
            let mut there = Vec::new();
            if let (Some(target), Some(forward)) = (&group.target, &forward) {
                there = retain_there(request.clone(), target, forward, deadline).await?;
            }
            for (place, (partition, deleted)) in group.parts {
                let here = describe::log_start(name.as_str(), partition, deleted);
                let told = there
                    .iter()
                    .find(|told| told.partition == here.partition)
                    .cloned();
                let mut result = told.unwrap_or(here);
                result.leader = group.target.as_ref().and_then(Target::told);
                results.push((place, result));
            }
        }
        results.sort_by_key(|(place, _)| *place);
        let results = results.into_iter().map(|(_, result)| self.hinted(result));
        Ok(v1::ApplyRetentionResponse {
            results: results.collect(),
        })
    }

    fn hinted(&self, result: v1::LogStartResult) -> v1::LogStartResult {
        v1::LogStartResult {
            error: result.error.map(|error| self.hints.complete(error)),
            ..result
        }
    }
}

async fn delete_there(
    group: Group<(v1::DeleteRecordsPartition, Deletion)>,
    target: &Target,
    forward: &Forward,
    deadline: Deadline,
) -> Vec<(usize, v1::LogStartResult)> {
    let partitions = group.parts.iter().map(|(_, (asked, _))| asked.clone());
    let request = v1::DeleteRecordsRequest {
        partitions: partitions.collect(),
    };
    let answer = async {
        let mut api = forward.topic(target)?;
        let request = forward.request(request, deadline.left());
        let answer = api.delete_records(request).await;
        answer
            .map(|answer| answer.into_inner().results)
            .map_err(|status| target.failure(&status))
    };
    let answered = answer.await;
    let failed = answered.as_ref().err().cloned();
    let mut results = answered.unwrap_or_default().into_iter();
    let result = |(place, (asked, _)): (usize, (v1::DeleteRecordsPartition, Deletion))| {
        let lost = || v1::LogStartResult {
            topic: asked.topic.clone(),
            partition: asked.partition,
            error: Some(
                failed
                    .clone()
                    .unwrap_or_else(|| target.unreachable("no result")),
            ),
            ..v1::LogStartResult::default()
        };
        let mut result = results.next().unwrap_or_else(lost);
        result.leader = target.told();
        (place, result)
    };
    group.parts.into_iter().map(result).collect()
}

async fn retain_there(
    request: v1::ApplyRetentionRequest,
    target: &Target,
    forward: &Forward,
    deadline: Deadline,
) -> Result<Vec<v1::LogStartResult>, v1::Error> {
    let mut api = forward.topic(target)?;
    let answer = api
        .apply_retention(forward.request(request, deadline.left()))
        .await;
    let answer = answer.map_err(|status| target.failure(&status))?;
    Ok(answer.into_inner().results)
}

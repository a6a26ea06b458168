//! Finds offsets: each partition's leader knows them, wherever it is.

use broker::OffsetQuery;
use futures_util::future::join_all;
use rpc::{v1, wire_offset};

use super::{ConsumerService, request};
use crate::deadline::Deadline;
use crate::failure;
use crate::forward::{Forward, Group, Target, groups};

type Queries = Group<(v1::OffsetQuery, OffsetQuery)>;

impl ConsumerService {
    pub(super) async fn find(
        &self,
        request: v1::ListOffsetsRequest,
        forward: Option<Forward>,
        deadline: Deadline,
    ) -> Result<v1::ListOffsetsResponse, v1::Error> {
        let queries = request::list_offsets(&request)?;
        let isolation = request.isolation;
        let asked = request.queries.into_iter().zip(queries).collect();
        let groups = groups(asked, |(_, query): &(_, OffsetQuery)| {
            forward.as_ref()?.elsewhere(&query.topic, query.partition)
        });
        let answers = groups.iter().map(|group| async {
            match (&group.target, &forward) {
                (Some(target), Some(forward)) => {
                    find_there(group, target, isolation, forward, deadline).await
                }
                _ => self.find_here(group).await,
            }
        });
        let answered = join_all(answers).await;
        let placed = groups.iter().flat_map(Group::places);
        let mut results: Vec<_> = placed.zip(answered.into_iter().flatten()).collect();
        results.sort_by_key(|(place, _)| *place);
        let hinted = |(_, result): (usize, v1::OffsetResult)| v1::OffsetResult {
            error: result.error.map(|error| self.hints.complete(error)),
            ..result
        };
        Ok(v1::ListOffsetsResponse {
            results: results.into_iter().map(hinted).collect(),
        })
    }

    async fn find_here(&self, group: &Queries) -> Vec<v1::OffsetResult> {
        let (asked, queries): (Vec<_>, Vec<_>) = group.wanted().into_iter().unzip();
        let found = self.broker.list_offsets(queries).await;
        let result = |(query, found): (v1::OffsetQuery, Result<Option<broker::FoundOffset>, _>)| {
            let (found, error) = match found {
                Ok(found) => (found, None),
                Err(error) => (None, Some(failure::list_offsets(&error))),
            };
            v1::OffsetResult {
                topic: query.topic,
                partition: query.partition,
                offset: found.map(|found| wire_offset(found.offset)),
                timestamp_ms: found.and_then(|found| Some(found.timestamp?.as_millis())),
                error,
                leader: None,
            }
        };
        asked.into_iter().zip(found).map(result).collect()
    }
}

async fn find_there(
    group: &Queries,
    target: &Target,
    isolation: i32,
    forward: &Forward,
    deadline: Deadline,
) -> Vec<v1::OffsetResult> {
    let (asked, _): (Vec<_>, Vec<_>) = group.wanted().into_iter().unzip();
    let request = v1::ListOffsetsRequest {
        queries: asked.clone(),
        isolation,
    };
    let answer = async {
        let mut api = forward.consumer(target)?;
        let request = forward.request(request, deadline.left());
        let answer = api.list_offsets(request).await;
        answer
            .map(|answer| answer.into_inner().results)
            .map_err(|status| target.failure(&status))
    };
    let answered = answer.await;
    let failed = answered.as_ref().err().cloned();
    let mut results = answered.unwrap_or_default().into_iter();
    let result = |query: v1::OffsetQuery| {
        let lost = || v1::OffsetResult {
            topic: query.topic.clone(),
            partition: query.partition,
            error: Some(
                failed
                    .clone()
                    .unwrap_or_else(|| target.unreachable("no result")),
            ),
            ..v1::OffsetResult::default()
        };
        v1::OffsetResult {
            leader: target.told(),
            ..results.next().unwrap_or_else(lost)
        }
    };
    asked.into_iter().map(result).collect()
}

//! A fetch whose partitions may be led by several brokers: each is asked, and the answers are put together.
//!
//! Where one broker leads them all, it gets the request as it is. Several are first asked for what there is; only
//! where that is nothing, all of them wait, and the first that has something ends it.

use std::time::Duration;

use futures_util::future::{join_all, select_all};
use prost::Message as _;
use rpc::v1;

use super::{Asked, ConsumerService, request};
use crate::deadline::Deadline;
use crate::forward::{Forward, Group, Target, groups};
use crate::held_body::Held;
use crate::stop::shutting_down;

type Partitions = Group<(v1::FetchPartition, Asked)>;

/// What one broker has answered.
struct Part {
    results: Vec<v1::FetchResult>,
    held: Held,
}

impl ConsumerService {
    pub(super) async fn read(
        &self,
        request: v1::FetchRequest,
        deadline: Deadline,
        forward: Option<Forward>,
    ) -> Result<(v1::FetchResponse, Held), v1::Error> {
        let (message, held) = match forward {
            None => self.read_here(request, deadline).await?,
            Some(forward) => self.read_anywhere(request, deadline, &forward).await?,
        };
        let hinted = |result: v1::FetchResult| v1::FetchResult {
            error: result.error.map(|error| self.hints.complete(error)),
            ..result
        };
        let results = message.results.into_iter().map(hinted).collect();
        Ok((v1::FetchResponse { results }, held))
    }

    async fn read_anywhere(
        &self,
        mut request: v1::FetchRequest,
        deadline: Deadline,
        forward: &Forward,
    ) -> Result<(v1::FetchResponse, Held), v1::Error> {
        // Everything is checked here, whoever answers.
        let wanted = request::fetch(request.clone(), self.settings.message_bytes_max)?;
        let partitions = std::mem::take(&mut request.partitions);
        let asked = partitions.into_iter().zip(wanted.asked).collect();
        let mut groups = groups(asked, |(_, asked): &(_, Asked)| {
            forward.elsewhere(&asked.topic, asked.partition)
        });
        if let [group] = &mut groups[..] {
            let part = self.ask(group, &request, deadline, forward).await?;
            let results = part.results;
            return Ok((v1::FetchResponse { results }, part.held));
        }
        let at_once = v1::FetchRequest {
            max_wait_ms: 0,
            ..request.clone()
        };
        let first = groups
            .iter()
            .map(|group| self.ask(group, &at_once, deadline, forward));
        let mut parts: Vec<Part> = join_all(first)
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        if request.max_wait_ms > 0 && parts.iter().all(Part::is_empty) {
            let waiting = groups
                .iter()
                .map(|group| Box::pin(self.ask(group, &request, deadline, forward)));
            let (part, at, _) = select_all(waiting).await;
            if let Some(place) = parts.get_mut(at) {
                *place = part?;
            }
        }
        Ok(merge(&groups, parts, wanted.bytes_max))
    }

    async fn ask(
        &self,
        group: &Partitions,
        request: &v1::FetchRequest,
        deadline: Deadline,
        forward: &Forward,
    ) -> Result<Part, v1::Error> {
        let (partitions, _): (Vec<_>, Vec<_>) = group.wanted().into_iter().unzip();
        let mut request = v1::FetchRequest {
            partitions,
            ..request.clone()
        };
        let Some(target) = &group.target else {
            let (message, held) = self.read_here(request, deadline).await?;
            let results = message.results;
            return Ok(Part { results, held });
        };
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
        let wait = deadline.cut(wait);
        request.max_wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let asked = request.partitions.clone();
        let answer = async {
            let mut api = forward.consumer(target)?;
            let answer = api.fetch(forward.request(request, Some(wait))).await;
            answer
                .map(|answer| answer.into_inner().results)
                .map_err(|status| target.failure(&status))
        };
        let mut stop = self.stop.clone();
        let answered = tokio::select! {
            biased;
            answered = answer => answered,
            () = stop.stopped() => Err(shutting_down()),
        };
        Ok(Part {
            results: results_of(&asked, answered, target),
            held: Held::default(),
        })
    }
}

impl Part {
    fn is_empty(&self) -> bool {
        let has_nothing = |result: &v1::FetchResult| {
            result.records.is_empty() && result.batches.is_empty() && result.error.is_none()
        };
        self.results.iter().all(has_nothing)
    }
}

/// One result for each partition, each with its leader.
pub(super) fn results_of(
    asked: &[v1::FetchPartition],
    answered: Result<Vec<v1::FetchResult>, v1::Error>,
    target: &Target,
) -> Vec<v1::FetchResult> {
    let failed = answered.as_ref().err().cloned();
    let mut results = answered.unwrap_or_default().into_iter();
    let result = |asked: &v1::FetchPartition| {
        let lost = || v1::FetchResult {
            topic: asked.topic.clone(),
            partition: asked.partition,
            next_offset: asked.offset,
            error: Some(
                failed
                    .clone()
                    .unwrap_or_else(|| target.unreachable("no result")),
            ),
            ..v1::FetchResult::default()
        };
        v1::FetchResult {
            leader: target.told(),
            ..results.next().unwrap_or_else(lost)
        }
    };
    asked.iter().map(result).collect()
}

/// The results in the order of the request. What is beyond its bytes is left for the next one; the first comes whole.
fn merge(groups: &[Partitions], parts: Vec<Part>, bytes_max: u64) -> (v1::FetchResponse, Held) {
    let mut placed = Vec::new();
    let mut held = Held::default();
    for (group, part) in groups.iter().zip(parts) {
        let offsets = group
            .parts
            .iter()
            .map(|(place, (asked, _))| (*place, asked.offset));
        placed.extend(offsets.zip(part.results));
        if group.target.is_none() {
            held = part.held;
        }
    }
    placed.sort_by_key(|((place, _), _)| *place);
    let mut used = 0;
    let results = placed.into_iter().map(|((_, offset), mut result)| {
        let bytes = result.encoded_len() as u64;
        let has_records = !result.records.is_empty() || !result.batches.is_empty();
        if has_records && used > 0 && used + bytes > bytes_max {
            result.records = Vec::new();
            result.batches = Vec::new();
            result.next_offset = offset;
        } else if has_records {
            used += bytes;
        }
        result
    });
    let results = results.collect();
    (v1::FetchResponse { results }, held)
}

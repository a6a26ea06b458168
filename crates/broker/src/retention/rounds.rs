//! Rounds over all partitions in which none waits for another: on a full disk one may take for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// Once an interval, acts on all that there is then, each by its key; what is not done with yet is left alone. Never
/// ends.
pub(super) async fn run<K, T, F>(
    interval: Duration,
    all: impl Fn() -> Vec<(K, T)>,
    act: impl Fn(T) -> F,
) where
    K: Ord + Copy,
    F: Future<Output = ()>,
{
    let mut busy = BTreeSet::new();
    let mut acting = FuturesUnordered::new();
    loop {
        let pause = tokio::time::sleep(interval);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                Some(done) = acting.next(), if !acting.is_empty() => drop(busy.remove(&done)),
            }
        }
        for (key, one) in all() {
            if busy.insert(key) {
                let acted = act(one);
                acting.push(async move {
                    acted.await;
                    key
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn one_that_is_never_done_holds_nobody_back_and_is_begun_once() {
        let begun = watch::Sender::new(BTreeMap::<u32, u32>::new());
        let act = |key: u32| {
            begun.send_modify(|begun| *begun.entry(key).or_default() += 1);
            async move {
                if key == 0 {
                    std::future::pending::<()>().await;
                }
            }
        };
        let all = || (0..3).map(|key| (key, key)).collect();
        let mut seen = begun.subscribe();
        let others = async {
            let enough =
                |begun: &BTreeMap<u32, u32>| [1, 2].iter().all(|key| begun.get(key) >= Some(&5));
            let counts = seen.wait_for(enough).await.unwrap();
            assert_eq!(counts.get(&0), Some(&1));
        };
        tokio::select! {
            () = run(Duration::from_millis(1), all, act) => unreachable!("it never ends"),
            () = others => {}
        }
    }
}

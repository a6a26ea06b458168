use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_simulated_process_stands_still_goes_on_and_dies_with_all_it_spawned() {
    let process = SimulatedProcess::new(1);
    let beats = Arc::new(AtomicU64::new(0));
    let counted = beats.clone();
    process.spawn(async move {
        // Spawned from within: it belongs to the process too.
        spawn(async move {
            loop {
                sleep(Duration::from_millis(10)).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
    let after = async |millis| {
        sleep(Duration::from_millis(millis)).await;
        beats.load(Ordering::Relaxed)
    };
    assert_eq!(after(105).await, 10);
    process.pause();
    assert_eq!(after(100).await, 10);
    process.resume();
    assert!(after(100).await >= 19);
    process.kill();
    let last = beats.load(Ordering::Relaxed);
    assert_eq!(after(100).await, last);
    // What comes too late never runs.
    assert!(process.spawn(async {}).await.unwrap_err().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn what_blocks_takes_simulated_time_and_chance_repeats_itself_in_a_simulated_process() {
    let draw = async || {
        let process = SimulatedProcess::new(7);
        process.set_device_delay(Duration::from_millis(5)..Duration::from_millis(9));
        let drawn = process.spawn(async {
            let began = Instant::now();
            let drawn = blocking(chance).await.unwrap();
            (drawn, began.elapsed())
        });
        drawn.await.unwrap()
    };
    let first = draw().await;
    assert_eq!(draw().await, first);
    assert!(first.1 >= Duration::from_millis(10));
    assert_ne!(chance(), chance());
}

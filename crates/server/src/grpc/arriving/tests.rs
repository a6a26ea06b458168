//! Bodies that share little room.

use std::collections::VecDeque;

use super::*;

const LARGE: usize = 64 << 10;

/// A body of these frames; it then waits for ever, or ends.
struct Frames {
    frames: VecDeque<Vec<u8>>,
    ends: bool,
}

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.frames.pop_front() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

fn body(frames: impl IntoIterator<Item = Vec<u8>>, ends: bool) -> Body {
    let frames = frames.into_iter().collect();
    Body::new(Frames { frames, ends })
}

fn message(length: usize) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
    bytes.resize(5 + length, 7);
    bytes
}

/// Room for two large messages.
fn room() -> Room {
    Room::new(2 * LARGE as u64, LARGE as u64)
}

fn stream(room: &Room, frames: impl IntoIterator<Item = Vec<u8>>) -> Arriving {
    Arriving::new(body(frames, false), room.clone(), Kept::default(), false)
}

/// The bytes that go on now.
fn ready(arriving: &mut Arriving) -> usize {
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut bytes = 0;
    while let Poll::Ready(Some(frame)) = Pin::new(&mut *arriving).poll_frame(&mut context) {
        bytes += frame.unwrap().into_data().unwrap().len();
    }
    bytes
}

#[tokio::test]
async fn all_bytes_go_on_in_order_however_they_come() {
    let bytes: Vec<u8> = [10, LARGE, 3, LARGE, LARGE]
        .into_iter()
        .flat_map(message)
        .collect();
    for piece in [1000, 16_384, bytes.len()] {
        let frames = bytes.chunks(piece).map(<[u8]>::to_vec);
        let mut arriving = Arriving::new(body(frames, true), room(), Kept::default(), false);
        let mut received = Vec::new();
        while let Some(frame) =
            std::future::poll_fn(|context| Pin::new(&mut arriving).poll_frame(context)).await
        {
            received.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        assert!(received == bytes, "cut into pieces of {piece}");
    }
}

#[tokio::test]
async fn a_message_waits_until_there_is_room_for_all_of_it() {
    let room = room();
    let half = || message(LARGE)[..100].to_vec();
    let mut first = stream(&room, [half()]);
    let mut second = stream(&room, [half()]);
    let mut third = stream(&room, [message(10), half()]);
    assert_eq!(ready(&mut first), 100);
    assert_eq!(ready(&mut second), 100);
    assert_eq!(
        ready(&mut third),
        15,
        "the small message goes on, the large one does not"
    );
    drop(first);
    assert_eq!(ready(&mut third), 100);
}

#[tokio::test]
async fn a_stream_gives_its_room_back_when_the_next_message_is_asked_for() {
    let room = room();
    let mut stream = stream(&room, [message(LARGE)]);
    assert_eq!(ready(&mut stream), 5 + LARGE);
    assert_eq!(room.left.available_permits(), 2 * LARGE / 1024);
}

#[tokio::test]
async fn a_call_keeps_its_room_until_it_is_answered() {
    let room = room();
    let kept = Kept::default();
    let mut arriving = Arriving::new(
        body([message(LARGE)], true),
        room.clone(),
        kept.clone(),
        true,
    );
    assert_eq!(ready(&mut arriving), 5 + LARGE);
    drop(arriving);
    assert_eq!(room.left.available_permits(), LARGE / 1024);
    drop(kept);
    assert_eq!(room.left.available_permits(), 2 * LARGE / 1024);
}

#[tokio::test]
async fn a_message_that_lies_about_its_length_takes_no_more_room_than_the_largest() {
    let room = room();
    let mut lie = vec![0];
    lie.extend(u32::MAX.to_be_bytes());
    assert_eq!(ready(&mut stream(&room, [lie])), 5);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_no_further_is_given_up() {
    let room = room();
    let mut stalled = stream(&room, [message(LARGE)[..100].to_vec()]);
    let mut next =
        async || std::future::poll_fn(|context| Pin::new(&mut stalled).poll_frame(context)).await;
    assert!(matches!(next().await, Some(Ok(_))));
    assert!(matches!(next().await, Some(Ok(_))));
    let started = tokio::time::Instant::now();
    let status = next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    assert_eq!(started.elapsed(), STALL_MAX);
}

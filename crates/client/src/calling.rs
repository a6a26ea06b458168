//! Single calls: sent to one broker after the other until one answers.
//!
//! A broker that cannot be reached, or says that it cannot answer now, is left for the next one that is known. What may
//! have been done already is sent again only where that does no harm.

use std::time::Duration;

use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::call_error::CallError;
use crate::client::Client;

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// Whether a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is as good as once.
    Always,
    /// Only where it was certainly not done.
    IfNotDone,
}

/// A service of the brokers, over a connection to one of them.
pub(crate) trait Api {
    /// Takes messages of so many bytes.
    fn over(channel: Channel, message_bytes_max: usize) -> Self;
}

macro_rules! apis {
    ($($name:ident = $client:ident)*) => {$(
        pub(crate) type $name = $client<Channel>;

        impl Api for $name {
            fn over(channel: Channel, message_bytes_max: usize) -> Self {
                Self::new(channel).max_decoding_message_size(message_bytes_max)
            }
        }
    )*};
}

apis! {
    Clusters = ClusterClient
    Consumers = ConsumerClient
    Producers = ProducerClient
    Topics = TopicClient
}

impl Client {
    /// Asks brokers until one answers, the time for a call is over, or none of those known can be reached.
    pub(crate) async fn call<A: Api, M: Clone, R>(
        &self,
        repeat: Repeat,
        message: M,
        send: impl AsyncFn(&mut A, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, CallError> {
        let end = Instant::now() + self.request_timeout();
        let mut backoff = BACKOFF_MIN;
        let mut out_of_reach = 0;
        loop {
            let (address, channel) = self.broker_to_ask();
            let mut request = Request::new(message.clone());
            request.set_timeout(end.saturating_duration_since(Instant::now()));
            let mut api = A::over(channel, self.message_bytes_max());
            let error = match send(&mut api, request).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => self.call_error_at(&status, &address),
            };
            if error.is_for_another() {
                self.turn_away_from(&address);
            }
            let may_repeat = match repeat {
                Repeat::Always => error.is_for_another(),
                Repeat::IfNotDone => error.is_for_another() && error.certainly_not_done(),
            };
            if error.is_no_answer() {
                out_of_reach += 1;
            }
            if !may_repeat || out_of_reach >= self.brokers_known() || Instant::now() + backoff > end
            {
                return Err(error);
            }
            if !error.is_no_answer() {
                sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

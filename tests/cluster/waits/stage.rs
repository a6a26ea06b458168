//! Brokers that say what a test has them say, and `strand` that asks them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use rpc::v1::cluster_server::{Cluster, ClusterServer};
use rpc::{Reason, v1};
use strandline_tests::harness::{Running, eventually, strand_binary};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// What a broker says.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// It answers nothing but this.
    pub(super) refuses: Option<Reason>,
    pub(super) brokers: Vec<v1::BrokerInfo>,
    pub(super) topics: Vec<v1::TopicInfo>,
    /// The moves that it says are under way, and those that it decides upon.
    pub(super) moves: Vec<v1::Move>,
    pub(super) leader_moves: Vec<v1::LeaderMove>,
    pub(super) leaderless: i64,
    asked: u64,
}

/// A broker of a test.
pub(super) struct Fake {
    pub(super) address: String,
    view: Arc<Mutex<View>>,
    _runtime: Runtime,
}

impl Fake {
    pub(super) fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let view = Arc::<Mutex<View>>::default();
        let service = ClusterServer::new(Service(view.clone()));
        let serving = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        runtime.spawn(serving);
        Self {
            address,
            view,
            _runtime: runtime,
        }
    }

    /// What it says from now on.
    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap()
    }

    /// Waits until it was asked so often since.
    pub(super) fn asked(&self, times: u64) {
        let before = self.view().asked;
        eventually("it is asked", || {
            (self.view().asked >= before + times).then_some(())
        });
    }
}

/// `strand` while it runs.
pub(super) struct Strand {
    running: Running,
    said: Arc<Mutex<Vec<String>>>,
}

impl Strand {
    pub(super) fn run(via: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(strand_binary());
        command
            .args(arguments)
            .args(["--server", via])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let (running, pipes) = Running::spawn(&mut command);
        let said = Arc::<Mutex<Vec<String>>>::default();
        let (hears, stderr) = (said.clone(), pipes.stderr.expect("piped"));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                hears.lock().unwrap().push(line);
            }
        });
        Self { running, said }
    }

    /// Waits until it has said this.
    pub(super) fn says(&self, words: &str) {
        let is_said = || {
            let said = self.said.lock().unwrap();
            said.iter().any(|line| line.contains(words)).then_some(())
        };
        eventually(&format!("`{words}` is said"), is_said);
    }

    pub(super) fn goes_on(&mut self) {
        let ended = self.running.wait(std::time::Duration::ZERO);
        assert!(ended.is_none(), "{ended:?}: {:?}", self.said.lock());
    }

    pub(super) fn ends(mut self, code: i32) {
        let status = self.running.wait(strandline_tests::harness::TIMEOUT);
        let said = self.said.lock().unwrap();
        assert_eq!(
            status.and_then(|status| status.code()),
            Some(code),
            "{said:?}"
        );
    }
}

struct Service(Arc<Mutex<View>>);

impl Service {
    #[allow(clippy::result_large_err, reason = "tonic's own")]
    fn say<T>(&self, answer: impl FnOnce(View) -> T) -> Result<Response<T>, Status> {
        let mut view = self.0.lock().unwrap();
        view.asked += 1;
        match view.refuses {
            Some(reason) => Err(v1::Error::new(reason, "not now").into()),
            None => Ok(Response::new(answer(view.clone()))),
        }
    }
}

#[tonic::async_trait]
impl Cluster for Service {
    async fn describe_cluster(
        &self,
        _request: Request<v1::DescribeClusterRequest>,
    ) -> Result<Response<v1::DescribeClusterResponse>, Status> {
        self.say(|view| v1::DescribeClusterResponse {
            brokers: view.brokers,
            leaderless: view.leaderless,
            ..v1::DescribeClusterResponse::default()
        })
    }

    async fn list_brokers(
        &self,
        _request: Request<v1::ListBrokersRequest>,
    ) -> Result<Response<v1::ListBrokersResponse>, Status> {
        self.say(|view| v1::ListBrokersResponse {
            brokers: view.brokers,
        })
    }

    async fn describe_partitions(
        &self,
        _request: Request<v1::DescribePartitionsRequest>,
    ) -> Result<Response<v1::DescribePartitionsResponse>, Status> {
        self.say(|view| v1::DescribePartitionsResponse {
            topics: view.topics,
            unknown: Vec::new(),
        })
    }

    async fn transfer_leadership(
        &self,
        _request: Request<v1::TransferLeadershipRequest>,
    ) -> Result<Response<v1::TransferLeadershipResponse>, Status> {
        self.say(|_| v1::TransferLeadershipResponse { leader: 1 })
    }

    async fn reassign_partitions(
        &self,
        _request: Request<v1::ReassignPartitionsRequest>,
    ) -> Result<Response<v1::ReassignPartitionsResponse>, Status> {
        let result = |decided| v1::ReassignmentResult {
            r#move: Some(decided),
            ..v1::ReassignmentResult::default()
        };
        self.say(|view| v1::ReassignPartitionsResponse {
            results: view.moves.into_iter().map(result).collect(),
        })
    }

    async fn rebalance(
        &self,
        _request: Request<v1::RebalanceRequest>,
    ) -> Result<Response<v1::RebalanceResponse>, Status> {
        self.say(|view| v1::RebalanceResponse {
            moves: view.moves,
            leader_moves: view.leader_moves,
        })
    }

    async fn drain(
        &self,
        _request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::DrainResponse>, Status> {
        self.say(|_| v1::DrainResponse { leaders: 0 })
    }

    async fn undrain(
        &self,
        _request: Request<v1::UndrainRequest>,
    ) -> Result<Response<v1::UndrainResponse>, Status> {
        self.say(|_| v1::UndrainResponse {})
    }

    async fn decommission(
        &self,
        _request: Request<v1::DecommissionRequest>,
    ) -> Result<Response<v1::DecommissionResponse>, Status> {
        self.say(|view| v1::DecommissionResponse { moves: view.moves })
    }

    async fn list_moves(
        &self,
        _request: Request<v1::ListMovesRequest>,
    ) -> Result<Response<v1::ListMovesResponse>, Status> {
        self.say(|view| v1::ListMovesResponse { moves: view.moves })
    }
}

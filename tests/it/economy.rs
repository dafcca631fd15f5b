//! How many calls a stack costs.
//!
//! The stack has 58 resources in two regions and needs 68 writing calls. An answer that already
//! shows a resource counts as its first read, resources of a type are read together, and nothing is
//! read twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use drctl::aws::{Aws, Settings};
use drctl::engine::clock::Clock;
use drctl::engine::event::Ended;

use crate::support::ask::Ask;
use crate::support::emulator::{Emulator, ministack, moto};
use crate::support::stage::{Report, Stage, steps, told};

const CREATE: usize = 110;
const REFRESH: usize = 45;
const DESTROY: usize = 70;

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_in_two_regions_costs_few_calls() {
    let meter = Meter::default();
    let mut stage = Stage::new(Arc::new(cloud(&meter)), Clock::system());
    let program = include_str!("../../benches/two_regions.yaml");

    completed(&stage.up(program).await.unwrap_or_else(|p| panic!("{}", told(&p))));
    assert_eq!(stage.state.rows.len(), 58);
    let create = meter.take();

    stage.cloud = Arc::new(cloud(&meter));
    stage.settings.refresh = true;
    let plan = stage.preview(program).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(steps(&plan), Vec::<String>::new());
    stage.settings.refresh = false;
    let refresh = meter.take();

    stage.cloud = Arc::new(cloud(&meter));
    completed(&stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p))));
    let destroy = meter.take();

    let over: Vec<String> =
        [("create", &create, CREATE), ("refresh", &refresh, REFRESH), ("destroy", &destroy, DESTROY)]
            .into_iter()
            .filter(|(_, calls, limit)| total(calls) > *limit)
            .map(|(what, calls, limit)| format!("{what}: {} calls, at most {limit}:\n{}", total(calls), table(calls)))
            .collect();
    assert!(over.is_empty(), "{}", over.join("\n"));
    for calls in [&create, &refresh, &destroy] {
        let greetings = calls.iter().filter(|(ask, _)| ask.service == "sts").map(|(_, count)| count);
        assert_eq!(greetings.sum::<usize>(), 1, "who we are is asked once a run:\n{}", table(calls));
    }
    let lists = |ask: &Ask| ask.operation.starts_with("Describe") && !ask.operation.ends_with("Attribute");
    let twice: Vec<_> = refresh.iter().filter(|(ask, count)| lists(ask) && **count > ask.readers()).collect();
    assert!(twice.is_empty(), "listed more than once: {twice:?}");
}

fn completed(report: &Report) {
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
}

type Calls = BTreeMap<Ask, usize>;

fn total(calls: &Calls) -> usize {
    calls.values().sum()
}

fn table(calls: &Calls) -> String {
    calls.iter().map(|(ask, count)| format!("{count:5}  {ask}\n")).collect()
}

/// Counts calls by operation and region.
#[derive(Debug, Clone, Default)]
struct Meter(Arc<Mutex<Calls>>);

impl Meter {
    /// The calls since the last time.
    fn take(&self) -> Calls {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A cloud that knows nothing of the runs before, as in a process of its own: moto's network and MiniStack's buckets,
/// because the SDK cannot read the versioning of moto's.
fn cloud(meter: &Meter) -> Aws {
    const ACCOUNT: &str = "300000000001";
    let settings = moto().settings(ACCOUNT);
    Aws::new(Settings { http_client: Some(counting(meter.clone(), moto(), ministack())), ..settings })
}

fn counting(meter: Meter, network: &'static Emulator, buckets: &'static Emulator) -> SharedHttpClient {
    use aws_smithy_runtime_api::client::http::HttpClient;
    let real = aws_smithy_http_client::Builder::new().build_http();
    http_client_fn(move |settings, components| {
        let real = real.http_connector(settings, components);
        SharedHttpConnector::new(Counting { meter: meter.clone(), network, buckets, real })
    })
}

struct Counting {
    meter: Meter,
    network: &'static Emulator,
    buckets: &'static Emulator,
    real: SharedHttpConnector,
}

impl std::fmt::Debug for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counting").field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl HttpConnector for Counting {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        let ask = Ask::of(request.method(), request.uri(), |name| request.headers().get(name), body);
        *self.meter.0.lock().unwrap().entry(ask.clone()).or_default() += 1;
        if ask.service == "s3" {
            let uri = request.uri().replace(&self.network.endpoint, &self.buckets.endpoint);
            request.set_uri(uri).unwrap();
        }
        self.real.call(request)
    }
}

//! A proxy in front of an emulator: it writes down what is asked, and breaks what it is told to.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::ask::Ask;
use super::emulator::Emulator;
use super::wire::{Refusal, Request};

/// What happens to one request.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Throttled,
    /// Answered with 500, without an effect.
    FailsBefore,
    /// Answered with 500, although it had its effect.
    FailsAfter,
    /// The connection ends before the request had an effect.
    DropsBefore,
    /// The connection ends after the effect, without an answer.
    DropsAfter,
    /// The answer takes a while.
    Slow,
    /// The answer takes as long as a bad line makes it.
    Sluggish,
    /// The connection stays, and nothing comes.
    Silent,
    /// Answered so instead.
    Refused(Refusal),
    /// Kept at the gate before it has an effect.
    HeldBefore,
    /// Its answer is kept at the gate.
    HeldAfter,
}

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_millis(400);
const SLUGGISH: Duration = Duration::from_secs(3);
/// Nothing in a test takes that long: a gate that nobody opens is a failure and no end of all tests.
const FOREVER: Duration = Duration::from_secs(120);

type Choose = Box<dyn FnMut(&Request) -> Option<Fault> + Send>;

/// Listens until the process ends.
pub struct Proxy {
    pub endpoint: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    asked: Mutex<Vec<Ask>>,
    choose: Mutex<Choose>,
    gate: Gate,
}

/// Where a request waits until the test lets it go on.
#[derive(Default)]
struct Gate {
    state: Mutex<Held>,
    changed: Condvar,
}

#[derive(Default)]
struct Held {
    arrived: Option<Ask>,
    then: Option<Then>,
}

/// What becomes of what was held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoesOn,
    /// Its sender is gone: it has no effect any more.
    Ends,
}

impl Proxy {
    /// Lets everything through.
    pub fn to(server: &Emulator) -> Self {
        Self::breaking(server, |_| None)
    }

    /// Asks `choose` for the fault of each request.
    pub fn breaking(server: &Emulator, mut choose: impl FnMut(&Ask) -> Option<Fault> + Send + 'static) -> Self {
        Self::breaking_requests(server, move |request| choose(&request.ask()))
    }

    /// The same for those who must see all of a request.
    pub fn breaking_requests(
        server: &Emulator,
        choose: impl FnMut(&Request) -> Option<Fault> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = server.endpoint.trim_start_matches("http://").to_owned();
        let choose: Mutex<Choose> = Mutex::new(Box::new(choose));
        let shared = Arc::new(Shared { server, asked: Mutex::default(), choose, gate: Gate::default() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that goes away in the middle is what these tests are about.
                std::thread::spawn(move || shared.serve(&client));
            }
        });
        Self { endpoint, shared }
    }

    /// Holds the `nth` request from now on, counted from 1.
    pub fn holding(server: &Emulator, nth: usize, fault: Fault) -> Self {
        let mut seen = 0;
        Self::breaking(server, move |_| {
            seen += 1;
            (seen == nth).then_some(fault)
        })
    }

    /// Holds the first request of that operation: `us-east-1 ec2:CreateVpc`.
    pub fn holding_first(server: &Emulator, operation: &'static str, fault: Fault) -> Self {
        let mut held = false;
        Self::breaking(server, move |ask| {
            let first = !held && ask.to_string() == operation;
            held |= first;
            first.then_some(fault)
        })
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Vec<Ask> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }

    /// Waits until a request is held.
    pub fn wait_for_the_held(&self) {
        drop(self.shared.gate.wait(|held| held.arrived.is_some()));
    }

    /// The request that is held.
    pub fn held(&self) -> Option<Ask> {
        self.shared.gate.state.lock().unwrap().arrived.clone()
    }

    /// Lets what is held go on.
    pub fn open(&self) {
        self.shared.gate.change(|held| held.then = Some(Then::GoesOn));
    }

    /// Ends what is held, as its sender has ended.
    pub fn end_the_held(&self) {
        self.shared.gate.change(|held| held.then = Some(Then::Ends));
    }
}

impl Gate {
    fn change(&self, how: impl FnOnce(&mut Held)) {
        how(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait(&self, until: impl Fn(&Held) -> bool) -> MutexGuard<'_, Held> {
        let state = self.state.lock().unwrap();
        let (held, _) = self.changed.wait_timeout_while(state, FOREVER, |held| !until(held)).unwrap();
        assert!(until(&held), "the gate did not move");
        held
    }

    /// Keeps a request here until the test says what becomes of it.
    fn keep(&self, ask: Ask) -> Then {
        self.change(|held| held.arrived = Some(ask));
        self.wait(|held| held.then.is_some()).then.unwrap()
    }
}

impl Shared {
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let (mut from, mut reply) = (BufReader::new(client), client);
        while let Some(request) = Request::read(&mut from, &mut reply)? {
            match self.answer(&request)? {
                Some(answer) => reply.write_all(&answer)?,
                None => return client.shutdown(Shutdown::Both),
            }
        }
        Ok(())
    }

    /// The answer, none if the connection is to end without one.
    fn answer(&self, request: &Request) -> io::Result<Option<Vec<u8>>> {
        let ask = request.ask();
        let fault = (*self.choose.lock().unwrap())(request);
        self.asked.lock().unwrap().push(ask.clone());
        let forward = || request.forward(&self.server);
        Ok(match fault {
            None => Some(forward()?),
            Some(Fault::Throttled) => Some(request.throttled()),
            Some(Fault::FailsBefore) => Some(request.failed()),
            Some(Fault::FailsAfter) => {
                forward()?;
                Some(request.failed())
            }
            Some(Fault::DropsBefore) => None,
            Some(Fault::DropsAfter) => {
                forward()?;
                None
            }
            Some(Fault::Slow) => {
                std::thread::sleep(SLOW);
                Some(forward()?)
            }
            Some(Fault::Sluggish) => {
                std::thread::sleep(SLUGGISH);
                Some(forward()?)
            }
            Some(Fault::Silent) => {
                std::thread::sleep(FOREVER);
                None
            }
            Some(Fault::Refused(refusal)) => Some(request.refusal(&refusal)),
            Some(Fault::HeldBefore) => match self.gate.keep(ask) {
                Then::GoesOn => Some(forward()?),
                Then::Ends => None,
            },
            Some(Fault::HeldAfter) => {
                let answer = forward()?;
                (self.gate.keep(ask) == Then::GoesOn).then_some(answer)
            }
        })
    }
}

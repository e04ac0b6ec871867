//! Deciding one request: what reads is answered at once; what may touch what is guarded is judged in the swarm as it is, and refused
//! with the words of the one evaluation unless it is the executor's.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::commands::maintenance::{self, Watch};
use crate::context::Context;
use crate::engine::{Engine, TOKEN_HEADER};
use crate::host::HostState;
use crate::host::decisions::{Decision, Decisions, Ruling};
use crate::interlock::classify::{Ask, Class, classify};
use crate::interlock::judge::Guard;
use crate::interlock::needs::{judged, needed};
use crate::interlock::request::Address;
use crate::report;

use super::engine::asking;
use super::fresh::Fresh;
use super::look;
use super::moment::Moment;
use super::phases::{Phases, View};
use super::swarm::Swarm;
use super::wire::{self, Asked};
use super::words::{self, Acquainted, Words};

/// The engine that asks, and what this host remembers of it.
#[derive(Clone)]
struct Ours {
    engine: Engine,
    host: HostState,
    log: Arc<Decisions>,
}

/// Where requests are decided.
pub struct Desk {
    context: Context,
    roots: Vec<PathBuf>,
    ours: OnceCell<Ours>,
    phases: Mutex<Phases>,
    views: Fresh<Arc<Vec<View>>>,
    swarm: Swarm,
    ledger: Mutex<Watch>,
    words: Fresh<Arc<Vec<Words>>>,
    acquainted: Arc<Acquainted>,
    writing: Mutex<()>,
}

/// What a request would do to what one phase guards.
struct Hit<'a> {
    view: &'a View,
    acts: Vec<String>,
}

impl Desk {
    /// The desk for the phases of these repositories.
    pub fn new(context: &Context, roots: Vec<PathBuf>) -> Self {
        let phases = Phases::new(context, roots.clone());
        Self {
            context: context.clone(),
            roots,
            ours: OnceCell::new(),
            phases: Mutex::new(phases),
            views: Fresh::new(),
            swarm: Swarm::new(),
            ledger: Mutex::default(),
            words: Fresh::new(),
            acquainted: Arc::default(),
            writing: Mutex::new(()),
        }
    }

    /// The answer to one question of the engine.
    pub async fn answer(&self, question: &[u8]) -> Value {
        let asked = match wire::question(question) {
            Ok(asked) => asked,
            Err(why) => return wire::refused(&format!("the question cannot be read: {why}")),
        };
        match classify(&asked.request) {
            Class::Harmless => wire::allowed(),
            class => self.judged(&asked, class).await,
        }
    }

    /// What guards something now.
    pub async fn guarding(&self) -> Vec<View> {
        let ours = self.ours().await.ok();
        let views = self.look_again(Instant::now(), ours.as_ref().map(|ours| &ours.host)).await;
        views.iter().filter(|view| view.guards()).cloned().collect()
    }

    async fn judged(&self, asked: &Asked, class: Class) -> Value {
        let begun = Instant::now();
        let ours = self.ours().await;
        let views = self.look_again(begun, ours.as_ref().ok().map(|ours| &ours.host)).await;
        let guarding: Vec<&View> = views.iter().filter(|view| view.guards()).collect();
        if guarding.is_empty() {
            return wire::allowed();
        }
        let ours = match ours {
            Ok(ours) => ours,
            Err(why) => {
                report::say(&format!("! {why}: {} is refused", shown(asked)));
                return wire::refused(&format!(
                    "what this request does cannot be judged: {why}; next: the `engine` of the contract, or --engine, then countersign doctor"
                ));
            }
        };
        let moment = self.moment(&ours, asked.request.header(TOKEN_HEADER));
        if let Some(doing) = &moment.executor {
            let hits: Vec<Hit<'_>> = guarding.iter().map(|view| Hit { view, acts: Vec::new() }).collect();
            self.log(&ours, asked, Ruling::Permitted, &hits, doing);
            return wire::allowed();
        }
        let hits = self.hits(&ours, begun, class, &guarding, &moment).await;
        let Some(first) = hits.first() else { return wire::allowed() };
        if let Some(until) = moment.door {
            self.log(&ours, asked, Ruling::Door, &hits, &format!("the door is open until {until}"));
            return wire::allowed();
        }
        let all = self.words.since(begun, || self.all_words(&guarding)).await;
        let own = guarding.iter().position(|view| std::ptr::eq(*view, first.view)).and_then(|at| all.get(at));
        let words = own.cloned().unwrap_or_else(|| Words { why: String::new(), next: "countersign status".into() });
        self.log(&ours, asked, Ruling::Refused, &hits, &words.why);
        let more = if hits.len() > 1 { format!(" (and {} more)", hits.len() - 1) } else { String::new() };
        let (acts, phase) = (first.acts.join(", and "), &first.view.phase);
        let next = if words.next.is_empty() { "countersign status" } else { &words.next };
        wire::refused(&format!("phase {phase}{more} guards this: {acts}. {}. Next: {next}", words.why))
    }

    /// What the request would do to what each phase guards.
    async fn hits<'a>(
        &self,
        ours: &Ours,
        begun: Instant,
        class: Class,
        guarding: &[&'a View],
        moment: &Moment,
    ) -> Vec<Hit<'a>> {
        let all = |why: &str| -> Vec<Hit<'a>> {
            guarding.iter().map(|view| Hit { view, acts: vec![why.to_owned()] }).collect()
        };
        let asks = match class {
            Class::Harmless => return Vec::new(),
            Class::Unreadable(why) => return all(&format!("this request cannot be judged: {why}")),
            Class::Judged(asks) => asks,
        };
        let places = self.places(ours);
        let known: Vec<(&View, Guard<'_>)> = guarding
            .iter()
            .filter_map(|view| {
                let (window, step, token) = (moment.window, moment.step, moment.token);
                Some((*view, Guard { protect: view.protect.as_ref()?, window, step, token, places: &places }))
            })
            .collect();
        let guards: Vec<Guard<'_>> = known.iter().map(|(_, guard)| *guard).collect();
        let unknown = guarding.iter().filter(|view| view.protect.is_none());
        let unknown = unknown.map(|view| Hit { view, acts: vec!["what the phase guards is not known".to_owned()] });
        let mut hits: Vec<Hit<'a>> = unknown.collect();
        for ask in asks.into_iter().map(with_real_places) {
            let mut needs = needed(&ask, &guards);
            let judged = loop {
                let looked = self.swarm.look(&ours.engine, begun, &needs, ask.container()).await;
                let (world, container) = match looked {
                    Ok(looked) => looked,
                    Err(why) => return all(&format!("this request cannot be judged: {why}")),
                };
                match judged(&ask, &guards, &needs, (&world, container.as_ref())) {
                    Ok(judged) => break judged,
                    Err(more) => needs = more,
                }
            };
            for ((view, _), acts) in known.iter().zip(judged).filter(|(_, acts)| !acts.is_empty()) {
                let acts = acts.into_iter().map(|act| format!("this request {act}")).collect();
                hits.push(Hit { view, acts });
            }
        }
        hits
    }

    /// The phases as they are now. Whoever reads on may wait for a disk, and nobody else waits for it.
    async fn look_again(&self, begun: Instant, host: Option<&HostState>) -> Arc<Vec<View>> {
        let look = || async {
            let look = || self.phases.lock().unwrap_or_else(PoisonError::into_inner).look(host);
            Arc::new(tokio::task::block_in_place(look))
        };
        self.views.since(begun, look).await
    }

    async fn all_words(&self, guarding: &[&View]) -> Arc<Vec<Words>> {
        let views: Vec<View> = guarding.iter().map(|view| (*view).clone()).collect();
        let acquainted = Arc::clone(&self.acquainted);
        let of_each = move || views.iter().map(|view| words::of(view, &acquainted)).collect::<Vec<_>>();
        let found = tokio::task::spawn_blocking(of_each);
        Arc::new(found.await.unwrap_or_default())
    }

    fn moment(&self, ours: &Ours, secret: &str) -> Moment {
        let now = self.context.now();
        tokio::task::block_in_place(|| {
            let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            Moment::look(&ours.host, &ours.log, &mut ledger, secret, now)
        })
    }

    /// The engine, asked for its id once it answers. Until then its address is read again: whoever wrote a wrong one mends it.
    async fn ours(&self) -> Result<Ours, String> {
        let made = self.ours.get_or_try_init(|| async {
            let (context, roots) = (self.context.clone(), self.roots.clone());
            let address = tokio::task::spawn_blocking(move || asking(&context, &roots)).await;
            let address = address.map_err(|error| error.to_string())?;
            let engine = Engine::connect(&address, look::PATIENCE).await.map_err(|error| error.to_string())?;
            let engine = engine.keeping_connections();
            let id = engine.info().await.map_err(|error| error.to_string())?.engine_id;
            let host = maintenance::state(&self.context, &id).map_err(|error| error.to_string())?;
            let log = Arc::new(self.context.decisions(&id));
            Ok(Ours { engine, host, log })
        });
        made.await.cloned()
    }

    /// Where the host keeps what is believed.
    fn places(&self, ours: &Ours) -> Vec<PathBuf> {
        // What is believed of this engine, and of every other one of this host.
        [ours.host.directory(), ours.log.directory()]
            .into_iter()
            .flat_map(|place| [Some(place), place.parent()])
            .flatten()
            .map(PathBuf::from)
            .chain([self.context.pins()])
            .map(|path| fs::canonicalize(&path).unwrap_or(path))
            .collect()
    }

    /// A decision that cannot be written down is said, and stands.
    fn log(&self, ours: &Ours, asked: &Asked, ruling: Ruling, hits: &[Hit<'_>], why: &str) {
        let client = if asked.user.is_empty() { asked.request.header("User-Agent") } else { &asked.user };
        let decision = Decision {
            at: self.context.now(),
            ruling,
            phases: hits.iter().map(|hit| (hit.view.repository.clone(), hit.view.phase.clone())).collect(),
            request: shown(asked),
            would: hits.first().map(|hit| hit.acts.clone()).unwrap_or_default(),
            why: why.to_owned(),
            client: client.chars().take(100).collect(),
        };
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = ours.log.append(&decision) {
            report::say(&format!("! {error}: {} {}", ruling.label(), decision.request));
        }
    }
}

/// A request in one line, without its query, which may hold anything.
fn shown(asked: &Asked) -> String {
    let path = Address::read(&asked.request.uri).map_or_else(|| "?".to_owned(), |address| address.parts.join("/"));
    let method: String = asked.request.method.chars().take(16).collect();
    format!("{method} /{}", path.chars().take(200).collect::<String>())
}

/// The same with every place of the host also by its real path: a link leads where it leads.
fn with_real_places(mut ask: Ask) -> Ask {
    let real = |mounts: &mut Vec<String>| {
        let found: Vec<String> = mounts
            .iter()
            .filter_map(|mount| Some(fs::canonicalize(mount).ok()?.to_str()?.to_owned()))
            .filter(|real| !mounts.contains(real))
            .collect();
        mounts.extend(found);
    };
    match &mut ask {
        Ask::CreateContainer(spec) | Ask::StartContainer { spec, .. } => real(&mut spec.mounts),
        Ask::CreateService(spec) | Ask::UpdateService { spec, .. } => real(&mut spec.mounts),
        Ask::Show { places } => real(places),
        _ => {}
    }
    ask
}

//! Deciding one request: what reads is answered at once; what may touch what is guarded is judged in the swarm as it is, and refused
//! with the words of the one evaluation unless it is the executor's.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::commands::maintenance;
use crate::context::Context;
use crate::engine::{Engine, TOKEN_HEADER};
use crate::host::HostState;
use crate::host::decisions::{Decision, Decisions, Ruling};
use crate::interlock::classify::{Ask, Class, classify};
use crate::interlock::judge::{Guard, judge};
use crate::interlock::request::Address;
use crate::interlock::world::{Needs, World};
use crate::model::time::Time;
use crate::report;

use super::engine::asking;
use super::fresh::Fresh;
use super::look;
use super::phases::{Phases, View};
use super::wire::{self, Asked};
use super::words::{self, Words};

/// The engine that asks, and what this host remembers of it.
#[derive(Clone)]
struct Ours {
    engine: Engine,
    host: HostState,
    log: Arc<Decisions>,
}

/// What the host says at this moment.
struct Moment {
    /// What the executor does, if the request is its own.
    executor: Option<String>,
    /// A window is open, or a step is not at its end; so too where that could not be read.
    window: bool,
    /// A step is not at its end.
    step: bool,
    /// A token is in force.
    token: bool,
    /// Until when the door is open.
    door: Option<Time>,
}

/// Where requests are decided.
pub struct Desk {
    context: Context,
    roots: Vec<PathBuf>,
    ours: OnceCell<Ours>,
    phases: Arc<Mutex<Phases>>,
    views: Fresh<Arc<Vec<View>>>,
    networks: Fresh<Result<Arc<World>, String>>,
    services: Fresh<Result<Arc<World>, String>>,
    nodes: Fresh<Result<Arc<World>, String>>,
    words: Fresh<Arc<Vec<Words>>>,
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
            phases: Arc::new(Mutex::new(phases)),
            views: Fresh::new(),
            networks: Fresh::new(),
            services: Fresh::new(),
            nodes: Fresh::new(),
            words: Fresh::new(),
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
        let views = self.look_again(Instant::now(), ours.map(|ours| ours.host)).await;
        views.iter().filter(|view| view.guards()).cloned().collect()
    }

    async fn judged(&self, asked: &Asked, class: Class) -> Value {
        let begun = Instant::now();
        let ours = self.ours().await;
        let views = self.look_again(begun, ours.as_ref().ok().map(|ours| ours.host.clone())).await;
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
        let moment = self.moment(&ours, asked.request.header(TOKEN_HEADER)).await;
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
        let mut hits: Vec<Hit<'a>> = Vec::new();
        for ask in asks.into_iter().map(with_real_places) {
            let needs = ask.needs();
            let looked = async {
                let container = match ask.container() {
                    Some(name) => look::container(&ours.engine, name).await?,
                    None => None,
                };
                let world = self.look_at_swarm(&ours.engine, begun, needs).await?;
                Ok::<_, String>((world, container))
            };
            let (world, container) = match looked.await {
                Ok(looked) => looked,
                Err(why) => return all(&format!("this request cannot be judged: {why}")),
            };
            let places = self.places(ours);
            for view in guarding {
                let acts = match &view.protect {
                    None => vec!["what the phase guards is not known".to_owned()],
                    Some(protect) => {
                        let guard = Guard {
                            protect,
                            window: moment.window,
                            step: moment.step,
                            token: moment.token,
                            places: &places,
                        };
                        judge(&ask, &guard, &world, container.as_ref())
                    }
                };
                if !acts.is_empty() {
                    let acts = acts.into_iter().map(|act| format!("this request {act}")).collect();
                    hits.push(Hit { view, acts });
                }
            }
        }
        hits
    }

    /// One look for all who wait, at what the request needs and nothing else.
    async fn look_at_swarm(&self, engine: &Engine, begun: Instant, needs: Needs) -> Result<Arc<World>, String> {
        let parts = [
            (needs.networks, &self.networks, Needs { networks: true, ..Needs::default() }),
            (needs.services, &self.services, Needs { services: true, ..Needs::default() }),
            (needs.nodes, &self.nodes, Needs { nodes: true, ..Needs::default() }),
        ];
        let mut world = World::default();
        for (_, newest, part) in parts.into_iter().filter(|(needed, ..)| *needed) {
            let look = || async { look::world(engine, part).await.map(Arc::new).map_err(|error| error.to_string()) };
            let seen = newest.since(begun, look).await?;
            world.networks.extend(seen.networks.iter().cloned());
            world.services.extend(seen.services.iter().cloned());
            world.nodes.extend(seen.nodes.iter().cloned());
        }
        Ok(Arc::new(world))
    }

    async fn look_again(&self, begun: Instant, host: Option<HostState>) -> Arc<Vec<View>> {
        let phases = Arc::clone(&self.phases);
        let look = || async {
            let looked = tokio::task::spawn_blocking(move || {
                phases.lock().unwrap_or_else(PoisonError::into_inner).look(host.as_ref())
            });
            Arc::new(looked.await.unwrap_or_default())
        };
        self.views.since(begun, look).await
    }

    async fn all_words(&self, guarding: &[&View]) -> Arc<Vec<Words>> {
        let views: Vec<View> = guarding.iter().map(|view| (*view).clone()).collect();
        let found = tokio::task::spawn_blocking(move || views.iter().map(words::of).collect::<Vec<_>>());
        Arc::new(found.await.unwrap_or_default())
    }

    async fn moment(&self, ours: &Ours, secret: &str) -> Moment {
        let (host, log, secret) = (ours.host.clone(), Arc::clone(&ours.log), secret.to_owned());
        let now = self.context.now();
        let looked = tokio::task::spawn_blocking(move || {
            let executor = match secret.is_empty() {
                true => None,
                false => host.token_of(&secret).ok().flatten().map(|token| token.doing),
            };
            let doors = log.doors().unwrap_or_default();
            let step = !matches!(maintenance::is_unfinished(&host), Ok(false));
            Moment {
                executor,
                window: step || !matches!(maintenance::under_way(&host, now), Ok(None)),
                step,
                token: !matches!(host.token(), Ok(None)),
                door: doors.iter().filter(|door| door.at <= now && now < door.until).map(|door| door.until).max(),
            }
        });
        // Without a look everything is taken for shut.
        looked.await.unwrap_or(Moment { executor: None, window: true, step: true, token: true, door: None })
    }

    /// The engine, asked for its id once it answers. Until then its address is read again: whoever wrote a wrong one mends it.
    async fn ours(&self) -> Result<Ours, String> {
        let made = self.ours.get_or_try_init(|| async {
            let (context, roots) = (self.context.clone(), self.roots.clone());
            let address = tokio::task::spawn_blocking(move || asking(&context, &roots)).await;
            let address = address.map_err(|error| error.to_string())?;
            let engine = Engine::connect(&address, look::PATIENCE).await.map_err(|error| error.to_string())?;
            let id = engine.info().await.map_err(|error| error.to_string())?.engine_id;
            let host = maintenance::state(&self.context, &id).map_err(|error| error.to_string())?;
            let log = Arc::new(self.context.decisions(&id));
            Ok(Ours { engine, host, log })
        });
        made.await.cloned()
    }

    /// Where the host keeps what is believed.
    fn places(&self, ours: &Ours) -> Vec<PathBuf> {
        [Some(ours.host.directory()), Some(ours.log.directory())]
            .into_iter()
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

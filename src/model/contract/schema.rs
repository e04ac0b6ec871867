//! Every probe and step kind that a contract may name, with its parameters: one table each, from which the contract is
//! checked, `probe --explain` is printed and the published schema is made.
//! The file is long because the two tables are: one row a kind, nothing else.

/// What a parameter's value is.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text.
    Text,
    /// A subnet in CIDR form without host bits, as in `10.10.0.0/16`.
    Cidr,
    /// An absolute path.
    Path,
    /// A program and its arguments; the program is an absolute path or a bare name. No argument names a file inside the
    /// repository.
    Argv,
    /// A list of texts.
    List,
    /// A list of CIDRs.
    Cidrs,
    /// A list of whole numbers written as text (HTTP codes).
    Codes,
    /// A whole number of 0 or more.
    Number,
    /// `true` or `false`.
    Flag,
    /// As in `30s`, `5m`.
    Duration,
    /// A regular expression (the `regex` crate's syntax).
    Regex,
    /// A moment: `2026-06-13T05:34:13Z`, or a value of an outcome as in `{step.recreate.finished}`.
    Moment,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A table of texts.
    Map,
    /// A list of tables with these parameters.
    Tables(&'static [ParamSchema]),
}

/// One parameter.
#[derive(Debug)]
pub struct ParamSchema {
    /// Its key.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// One line for people.
    pub about: &'static str,
}

/// To what a probe's facts bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binds {
    /// The subject: the repository's content.
    Subject,
    /// The target: the engine.
    Engine,
    /// The machine that the engine's node is; unknown from another one.
    Host,
}

/// One probe.
#[derive(Debug)]
pub struct ProbeSchema {
    /// Its name.
    pub name: &'static str,
    /// What it proves, one line.
    pub about: &'static str,
    /// To what its facts bind.
    pub binds: Binds,
    /// Whether this program can run it.
    pub built: bool,
    /// Its facts: compared by plain equality.
    pub facts: &'static [&'static str],
    /// Its parameters.
    pub params: &'static [ParamSchema],
    /// A criterion as a contract writes it.
    pub example: &'static str,
}

/// One step kind.
#[derive(Debug)]
pub struct KindSchema {
    /// Its name.
    pub name: &'static str,
    /// What it does, one line.
    pub about: &'static str,
    /// Whether this program can run it.
    pub built: bool,
    /// Whether it proves its own end, so that a contract may leave out `postflight`.
    pub proves_itself: bool,
    /// What its outcome offers as `{step.ID.NAME}`, beside `finished`.
    pub offers: &'static [&'static str],
    /// Parameters of which at least one must be there; empty where the kind has no such choice.
    pub one_of: &'static [&'static str],
    /// Its parameters.
    pub params: &'static [ParamSchema],
    /// A step as a contract writes it.
    pub example: &'static str,
}

const fn must(name: &'static str, shape: Shape, about: &'static str) -> ParamSchema {
    ParamSchema { name, shape, required: true, about }
}

const fn may(name: &'static str, shape: Shape, about: &'static str) -> ParamSchema {
    ParamSchema { name, shape, required: false, about }
}

const TOKEN_FILE: ParamSchema = may(
    "token_file",
    Shape::Path,
    "file with a token, readable by nobody else; it is sent over https or to this machine only",
);
const TOKEN_ENV: ParamSchema =
    may("token_env", Shape::Text, "variable with a token instead; its name begins with COUNTERSIGN_TOKEN");
const RESOLVE: ParamSchema = may("resolve", Shape::Text, "IP or IP:port to connect to instead of asking DNS");
const CA: ParamSchema = may("ca", Shape::Path, "PEM file with a certificate authority to trust beside the system's");

/// Every probe.
pub const PROBES: &[ProbeSchema] = &[
    ProbeSchema {
        name: "docker.network",
        about: "a network as it is, and who is on it",
        binds: Binds::Engine,
        built: true,
        facts: &["id", "created", "driver", "scope", "subnet", "attachable", "services", "aliases"],
        params: &[
            must("network", Shape::Text, "the network's exact name"),
            may("network_id", Shape::Text, "the id it must have, as in {step.recreate.network_id}"),
            may("subnet", Shape::Cidr, "the one subnet it must have"),
            may("driver", Shape::Text, "the driver it must have"),
            may("attachable", Shape::Flag, "whether it must be attachable"),
            may(
                "services",
                Shape::List,
                "the services that must be on it; others are an error unless `others` is true",
            ),
            may("others", Shape::Flag, "services that are not listed may be on it too"),
        ],
        example: "probe = \"docker.network\"\nnetwork = \"{network}\"\nsubnet = \"10.0.1.0/24\"",
    },
    ProbeSchema {
        name: "docker.subnet",
        about: "a candidate subnet is clear of every network, pool, route and address",
        binds: Binds::Host,
        built: true,
        facts: &["candidate", "disjoint"],
        params: &[
            must("subnet", Shape::Cidr, "the candidate"),
            may("replaces", Shape::Text, "the network that goes away: its own present subnet is no conflict"),
            may("reserved", Shape::Cidrs, "ranges that the workloads must go on reaching"),
            may(
                "nodes_declared",
                Shape::Map,
                "node name to what its host routes, is addressed by and asks for names, as in \"10.7.0.0/16, 192.0.2.3\": no engine \
                 tells that of another node, and without it such a node makes the proof unknown",
            ),
        ],
        example: "probe = \"docker.subnet\"\nsubnet = \"{subnet}\"\nreplaces = \"{network}\"",
    },
    ProbeSchema {
        name: "docker.vips",
        about: "capacity and use of an overlay's addresses, and leaks where they can be known",
        binds: Binds::Engine,
        built: true,
        facts: &["capacity", "within"],
        params: &[
            must("network", Shape::Text, "the network's exact name"),
            may("walk", Shape::Flag, "walk the free addresses with a canary (writes to the swarm)"),
            may("max_leaked", Shape::Number, "the most leaked addresses that hold"),
            may(
                "max_used_percent",
                Shape::Number,
                "the highest use that holds, in percent of the capacity; absent, and without min_free: 99. Unknown where what leaked \
                 is not told",
            ),
            may(
                "min_free",
                Shape::Number,
                "the fewest free addresses that hold; a walk shows up to 256 of a network larger than a /22",
            ),
        ],
        example: "probe = \"docker.vips\"\nnetwork = \"{network}\"\nwalk = true\nmin_free = 50",
    },
    ProbeSchema {
        name: "docker.signatures",
        about: "no exhaustion or leak signature in the engine's log, no task stuck in New",
        binds: Binds::Host,
        built: true,
        facts: &["classes"],
        params: &[
            may("since", Shape::Moment, "from this moment on; absent: since the engine's start"),
            may(
                "log",
                Shape::Path,
                "the log file that the engine's own process has open, in its text or JSON form; absent: the journal of `unit`",
            ),
            may("unit", Shape::Text, "the systemd unit whose main process is the engine; absent: docker.service"),
            may("new_for", Shape::Duration, "a task in New for longer counts as stuck; absent: 60s"),
            may(
                "classes",
                Shape::List,
                "the classes that may not be there, of vip-exhaustion, task-exhaustion, node-exhaustion, stuck-tasks, \
                 leak-condition, stale-network, dead-network, benign; absent: the first four",
            ),
        ],
        example: "probe = \"docker.signatures\"\nunit = \"docker.service\"",
    },
    ProbeSchema {
        name: "docker.services",
        about: "named services are converged, on the named networks, with no update in flight",
        binds: Binds::Engine,
        built: true,
        facts: &["services"],
        params: &[
            must("services", Shape::List, "exact names"),
            may("networks", Shape::List, "networks that each of them must be on"),
            may(
                "checks",
                Shape::Tables(&[
                    must("name", Shape::Text, "the check, as in deploy-proxy"),
                    must("polls", Shape::Text, "the URL or host name that it waits for"),
                    must("gates", Shape::List, "the services that are not started before it is content"),
                ]),
                "health checks: one that polls what a service behind it serves can never become content",
            ),
        ],
        example: "probe = \"docker.services\"\nservices = [\"traefik_app\"]\nnetworks = [\"{network}\"]",
    },
    ProbeSchema {
        name: "docker.stacks",
        about: "the stacks that run, and which of them are not declared",
        binds: Binds::Engine,
        built: true,
        facts: &["stacks"],
        params: &[
            must("declared", Shape::List, "the stacks that may run"),
            may("required", Shape::List, "the stacks that must run"),
        ],
        example: "probe = \"docker.stacks\"\ndeclared = [\"traefik\", \"drone\"]",
    },
    ProbeSchema {
        name: "host.quiet",
        about: "no declared process, unit, timer or lock file is active, no CI build waits or runs, nobody asked for one",
        binds: Binds::Host,
        built: true,
        facts: &["quiet"],
        params: &[
            may(
                "processes",
                Shape::List,
                "program names, or regular expressions over the whole argv when they start with ^",
            ),
            may("units", Shape::List, "systemd units that may not be active"),
            may("timers", Shape::List, "systemd timers that may not be active"),
            may("locks", Shape::List, "lock files, absolute paths: held or, with .pid in the name, of a live process"),
            may("ci_containers", Shape::Flag, "no container with the label io.drone=true runs"),
            may(
                "updates",
                Shape::Flag,
                "no update of a service is in flight; ci_containers and declared_stacks look at that too",
            ),
            may("declared_stacks", Shape::List, "no stack beside these runs"),
            may(
                "ci_queues",
                Shape::Tables(&[
                    must("url", Shape::Text, "Drone's address, https or on this machine itself"),
                    TOKEN_FILE,
                    TOKEN_ENV,
                    RESOLVE,
                    CA,
                ]),
                "Drone servers whose queue and list of incomplete builds must be empty; an administrator's token opens them",
            ),
            may(
                "comments",
                Shape::Tables(&[
                    must("url", Shape::Text, "Gitea's address"),
                    must("repos", Shape::List, "repositories, as in owner/name"),
                    may("since", Shape::Moment, "from this moment on; this or `within`"),
                    may("within", Shape::Duration, "from so long ago on"),
                    may("text", Shape::Text, "the comment's whole text; absent: !testme"),
                    TOKEN_FILE,
                    TOKEN_ENV,
                    RESOLVE,
                    CA,
                ]),
                "forges on whose pull requests nobody may have asked for a run",
            ),
        ],
        example: "probe = \"host.quiet\"\nprocesses = [\"upgrade-all\"]\nci_containers = true",
    },
    ProbeSchema {
        name: "http.route",
        about: "URLs answer as expected",
        binds: Binds::Engine,
        built: true,
        facts: &["routes"],
        params: &[
            must(
                "routes",
                Shape::Tables(&[
                    must("name", Shape::Text, "short name"),
                    must("url", Shape::Text, "http or https URL; no credentials in it"),
                    must("status", Shape::Codes, "the status codes that hold, as in [200, 303]"),
                    may("method", Shape::OneOf(&["GET", "HEAD"]), "absent: GET"),
                    may(
                        "resolve",
                        Shape::Text,
                        "IP or IP:port to connect to instead of asking DNS; TLS is asked for the URL's own name",
                    ),
                    may("headers", Shape::Map, "header to a regular expression that its value must match"),
                    may("body", Shape::Regex, "what the body must match (its first 64 KiB)"),
                    may("min_days", Shape::Number, "for how many days the certificate must still be valid"),
                ]),
                "the routes, at least one",
            ),
            may("consecutive", Shape::Number, "how many answers in a row must be right; absent: 3"),
            may("interval", Shape::Duration, "time between them; absent: 1s"),
            may(
                "poll",
                Shape::Duration,
                "how often the front looks for services: right answers must go on for longer than that",
            ),
            CA,
        ],
        example: "probe = \"http.route\"\nroutes = [{ name = \"drone\", url = \"https://drone.example.org/\", status = [200, 303] }]",
    },
    ProbeSchema {
        name: "git.pushed",
        about: "the subject is clean and on the remote's branch, which was not forced",
        binds: Binds::Subject,
        built: true,
        facts: &["tree", "on_remote"],
        params: &[
            may("repo", Shape::Path, "another checkout that must be at the subject tree and clean"),
            may("remote", Shape::Text, "absent: origin"),
            may("branch", Shape::Text, "absent: the branch that is checked out"),
        ],
        example: "probe = \"git.pushed\"",
    },
    ProbeSchema {
        name: "git.patch",
        about: "the change since `base` touches only declared paths and adds what it must",
        binds: Binds::Subject,
        built: true,
        facts: &["base", "diff"],
        params: &[
            must("base", Shape::Text, "the commit before the change, in full"),
            must("paths", Shape::List, "the only paths (files, or directories with a / at the end) it may touch"),
            may("adds", Shape::List, "regular expressions, each of which an added line must match"),
            may("forbids", Shape::List, "regular expressions that no added line may match"),
            may("max_lines", Shape::Number, "the most added and removed lines together"),
        ],
        example: "probe = \"git.patch\"\nbase = \"{base}\"\npaths = [\"nix/modules/swarm.nix\"]\nadds = ['--subnet {subnet}']",
    },
    ProbeSchema {
        name: "git.secrets",
        about: "no secret in what was added since `base`: lines, messages, new files",
        binds: Binds::Subject,
        built: true,
        facts: &["base", "none_found"],
        params: &[must("base", Shape::Text, "the commit before the change, in full")],
        example: "probe = \"git.secrets\"\nbase = \"{base}\"",
    },
    ProbeSchema {
        name: "nix.option",
        about: "a module sets an option to a value, or to a script that has these lines",
        binds: Binds::Subject,
        built: true,
        facts: &["value"],
        params: &[
            must("file", Shape::Text, "path inside the subject"),
            must("option", Shape::Text, "attribute path, as in systemd.services.swarm-init.script"),
            may("value", Shape::Text, "the value it must have: a string's content, anything else as it is written"),
            may(
                "lines",
                Shape::List,
                "regular expressions, each of which must match a command of the shell's script, its words with one space between them: one \
                 at the top level, from its program's name on, in no compound command, function or here-document, not behind && or what \
                 may end the script; behind || or `if !` it may stand. Whether the commands before it succeed is not known",
            ),
        ],
        example: "probe = \"nix.option\"\nfile = \"nix/modules/swarm.nix\"\noption = \"systemd.services.swarm-init.script\"\nlines = ['docker network create .*--subnet {subnet} ']",
    },
    ProbeSchema {
        name: "nix.generation",
        about: "the system that runs is the one that was switched to; what a switch to another would stop",
        binds: Binds::Host,
        built: true,
        facts: &["store_path"],
        params: &[
            may(
                "flake",
                Shape::Text,
                "the system that a switch would build, as in \"git+file:///root/deploy#nixosConfigurations.host.config.system.build.toplevel\"; \
                 evaluated under the contract's nix_eval_uid",
            ),
            may(
                "dry_activate",
                Shape::Flag,
                "ask that system, which must be built, what a switch to it would stop and start, instead of wanting it to run \
                 already. It runs the system's own program, so it is asked only among what the window requires",
            ),
            may("keeps", Shape::List, "units that such a switch may neither stop nor restart; absent: docker.service"),
        ],
        example: "probe = \"nix.generation\"",
    },
    ProbeSchema {
        name: "file.contains",
        about: "a declared file keeps its marker",
        binds: Binds::Subject,
        built: true,
        facts: &["matched"],
        params: &[
            must(
                "file",
                Shape::Text,
                "path inside the subject, read out of HEAD; or an absolute path on the engine's machine",
            ),
            must("patterns", Shape::List, "regular expressions, each of which a line must match"),
        ],
        example: "probe = \"file.contains\"\nfile = \"scripts/step0.sh\"\npatterns = ['available IP while allocating VIP']",
    },
    ProbeSchema {
        name: "command",
        about: "a program exits with 0 and its output matches",
        binds: Binds::Host,
        built: true,
        facts: &["matched"],
        params: &[
            must("argv", Shape::Argv, "program and arguments; no shell"),
            must("stdout", Shape::Regex, "what its standard output must match; use ^$ for none"),
        ],
        example: "probe = \"command\"\nargv = [\"systemctl\", \"is-active\", \"docker\"]\nstdout = '^active$'",
    },
];

/// Every step kind.
pub const KINDS: &[KindSchema] = &[
    KindSchema {
        name: "command",
        about: "runs a program",
        built: true,
        proves_itself: false,
        offers: &[],
        one_of: &[],
        params: &[
            must("argv", Shape::Argv, "program and arguments; no shell"),
            may("cwd", Shape::Path, "where it runs; absent: a fresh detached checkout of the subject commit"),
            may("uid", Shape::Number, "the user id it runs as; absent: this one's"),
        ],
        example: "kind = \"command\"\nargv = [\"nixos-rebuild\", \"switch\", \"--flake\", \"git+file:///root/deploy#host\"]",
    },
    KindSchema {
        name: "docker.capture",
        about: "captures a network and the raw specs of every service on it in the host state",
        built: true,
        proves_itself: true,
        offers: &["digest", "services"],
        one_of: &[],
        params: &[must("network", Shape::Text, "the network's exact name")],
        example: "kind = \"docker.capture\"\nnetwork = \"{network}\"",
    },
    KindSchema {
        name: "docker.network.recreate",
        about: "recreates a network with another subnet and puts every service back on it",
        built: true,
        proves_itself: true,
        offers: &["network_id", "subnet", "old_subnet", "old_id", "services"],
        one_of: &[],
        params: &[
            must("network", Shape::Text, "the network's exact name"),
            must("subnet", Shape::Cidr, "the subnet it is to have"),
            may(
                "strategy",
                Shape::OneOf(&["auto", "break-before-make", "make-before-break"]),
                "absent or auto: chosen at the claim, the one with the shorter predicted interruption",
            ),
            may("front", Shape::List, "services that route to the others"),
            may("front_poll", Shape::Duration, "how often the front looks for services; absent: 15s"),
            may(
                "network_label",
                Shape::Text,
                "the label of services by which the front chooses the network on which it reaches them, as in traefik.swarm.network; \
                 make-before-break writes the holding network's name there and takes it back; absent: it is not possible with a front",
            ),
            may("hold_subnet", Shape::Cidr, "subnet of the holding network; absent: the engine picks a /24"),
            may("check_image", Shape::Text, "image of the throwaway service; absent: one of a service on the network"),
            may(
                "check_argv",
                Shape::Argv,
                "what must run on the network to an end with 0; absent: nothing but the image's `sleep`, or the engine's own init",
            ),
            may("reaches", Shape::List, "what `check_argv` must reach: its further arguments"),
            may(
                "attached",
                Shape::OneOf(&["refuse", "reconnect"]),
                "what to do with plain containers on it; reconnect: off it before it goes, on it again at the end; absent: refuse",
            ),
            may(
                "jobs",
                Shape::OneOf(&["refuse", "run-again"]),
                "what to do with jobs, which run again; absent: refuse",
            ),
            may(
                "routes",
                Shape::Tables(&[
                    must("name", Shape::Text, "short name"),
                    must("url", Shape::Text, "http or https URL; no credentials in it"),
                    must("status", Shape::Codes, "the status codes that hold"),
                    may("resolve", Shape::Text, "IP or IP:port to connect to instead of asking DNS"),
                    may("service", Shape::Text, "the service that answers it, for the prediction; absent: any"),
                ]),
                "sampled 20 times a second during the step",
            ),
        ],
        example: "kind = \"docker.network.recreate\"\nnetwork = \"{network}\"\nsubnet = \"{subnet}\"\nfront = [\"traefik_app\"]",
    },
    KindSchema {
        name: "docker.stack.drain",
        about: "takes stacks down without leaking addresses, after capturing what brings them back",
        built: true,
        proves_itself: true,
        offers: &["stacks"],
        one_of: &["stacks", "pattern"],
        params: &[
            may("stacks", Shape::List, "exact names; this or `pattern` must be there"),
            may("pattern", Shape::Regex, "every stack whose whole name matches, as the swarm is when the step begins"),
            may("except", Shape::List, "exact names that are left alone whatever `pattern` says"),
        ],
        example: "kind = \"docker.stack.drain\"\npattern = \"recipe-.*\"\nexcept = [\"recipe-front\"]",
    },
    KindSchema {
        name: "drone.queue",
        about: "pauses or resumes Drone's queue; Drone forgets a pause when it restarts",
        built: true,
        proves_itself: true,
        offers: &[],
        one_of: &[],
        params: &[
            must("url", Shape::Text, "Drone's address, https or on this machine itself"),
            must("token_file", Shape::Path, "file with an administrator's token, readable by nobody else"),
            must("act", Shape::OneOf(&["pause", "resume"]), "which"),
            may("idle", Shape::Flag, "after a pause, wait until no build runs"),
            may("resolve", Shape::Text, "IP or IP:port to connect to instead of asking DNS"),
            may("ca", Shape::Path, "PEM file with a certificate authority to trust beside the system's"),
        ],
        example: "kind = \"drone.queue\"\nurl = \"https://drone.example.org\"\ntoken_file = \"/run/secrets/drone\"\nact = \"pause\"",
    },
    KindSchema {
        name: "systemd.unit",
        about: "brings units and timers into a state and reads it back",
        built: true,
        proves_itself: true,
        offers: &[],
        one_of: &[],
        params: &[
            must("units", Shape::List, "the units' full names"),
            must(
                "act",
                Shape::OneOf(&["mask", "unmask", "stop", "start", "restart"]),
                "which; masks are made under /run, so that a reboot ends them: not of a unit whose file is under /etc",
            ),
        ],
        example: "kind = \"systemd.unit\"\nunits = [\"docker-prune.timer\"]\nact = \"stop\"",
    },
];

/// The probe of this exact name.
pub fn probe(name: &str) -> Option<&'static ProbeSchema> {
    PROBES.iter().find(|probe| probe.name == name)
}

/// The step kind of this exact name.
pub fn kind(name: &str) -> Option<&'static KindSchema> {
    KINDS.iter().find(|kind| kind.name == name)
}

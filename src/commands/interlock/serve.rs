//! `countersign interlock serve`

use std::convert::Infallible;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::commands::open::repository;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::report::{self, Answer};

use super::decide::Desk;
use super::wire;

/// Where engines look for a plugin of this name.
pub const SOCKET: &str = "/run/docker/plugins/countersign.sock";

/// Answer the engine's questions, until it is ended
///
/// The engine must be started with `--authorization-plugin countersign` (or the same in its daemon.json), after this; the units in
/// templates/systemd do both. While this does not run, the engine refuses every request.
///
/// Example: countersign interlock serve --repository /srv/cc-ci
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A repository whose phases are guarded, as often as there are some; the current directory's where none is named
    #[arg(long, value_name = "DIR")]
    repository: Vec<PathBuf>,
    /// Where the engine finds it
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// The socket is standard input, as systemd hands it over (StandardInput=socket)
    #[arg(long)]
    activated: bool,
}

/// Runs it.
///
/// # Errors
///
/// The socket cannot be listened at.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let roots = roots(args, context);
    let listener = if args.activated { handed_over()? } else { listen(&args.socket)? };
    let desk = Desk::new(context, roots.clone());
    let at = if args.activated { "the socket it was given".to_owned() } else { args.socket.display().to_string() };
    let said: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    report::say(&format!("interlock: answers at {at}, for {}", said.join(", ")));
    answer(listener, Arc::new(desk))
}

/// Answers for ever.
///
/// # Errors
///
/// The system does not give the threads, or takes the socket away.
pub fn answer(listener: UnixListener, desk: Arc<Desk>) -> Result<Answer, CommandError> {
    let failed = |error: std::io::Error| CommandError::new(Exit::Unknown, format!("the socket: {error}"), "");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async move {
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = tokio::net::UnixListener::from_std(listener).map_err(failed)?;
        tokio::spawn(tell(Arc::clone(&desk)));
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // Too many open files passes by.
                Err(error) => {
                    report::say(&format!("! interlock: {error}"));
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            };
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                let service = service_fn(|request| respond(&desk, request));
                // A client that goes away is its own choice.
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    })
}

/// Says what is guarded, as soon as the engine answers.
async fn tell(desk: Arc<Desk>) {
    for view in desk.guarding().await {
        let what = match (&view.protect, &view.trouble) {
            (Some(protect), None) => json!(protect).to_string(),
            (_, Some((found, _))) => format!("as before, and its contract is what is wrong: {found}"),
            (None, None) => "everything".into(),
        };
        report::say(&format!("interlock: phase {} guards {what}", view.phase));
    }
}

async fn respond(desk: &Desk, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let answer = match path.as_str() {
        "/Plugin.Activate" => wire::activation(),
        "/AuthZPlugin.AuthZReq" => match collected(request.into_body()).await {
            Some(question) => desk.answer(&question).await,
            None => wire::refused("the question is longer than is read"),
        },
        "/AuthZPlugin.AuthZRes" => {
            // What the engine answered is nobody's business here; it is read so that the connection can go on.
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.frame().await {}
            wire::allowed()
        }
        _ => return Ok(reply(StatusCode::NOT_FOUND, &json!({ "Err": "an authorization plugin, version 1" }))),
    };
    Ok(reply(StatusCode::OK, &answer))
}

/// A body as a whole; `None` where it is too long or breaks off. What is too long is read to its end and not kept: an answer that
/// comes earlier may be lost with the connection.
async fn collected(mut body: Incoming) -> Option<Vec<u8>> {
    let mut bytes = Some(Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        bytes = bytes.filter(|bytes| bytes.len() + data.len() <= wire::LONGEST);
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(&data);
        }
    }
    bytes
}

fn reply(status: StatusCode, answer: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/vnd.docker.plugins.v1+json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

/// The roots of the repositories that were named. One that cannot be opened now is said and looked for again: an interlock that does
/// not run would refuse everything.
fn roots(args: &Args, context: &Context) -> Vec<PathBuf> {
    let named = if args.repository.is_empty() { vec![context.directory.clone()] } else { args.repository.clone() };
    let root = |named: PathBuf| {
        if !named.is_dir() {
            report::say(&format!("! {}: no such directory, so that nothing of it is guarded yet", named.display()));
            return named;
        }
        let directory = fs::canonicalize(&named).unwrap_or(named);
        match repository(&Context { directory: directory.clone(), ..context.clone() }) {
            Ok(repository) => repository.root,
            Err(error) => {
                report::say(&format!("! {}: {}", directory.display(), error.message));
                directory
            }
        }
    };
    named.into_iter().map(root).collect()
}

/// The socket that systemd listens at, on standard input.
fn handed_over() -> Result<UnixListener, CommandError> {
    let failed = |error: std::io::Error| {
        let next = "StandardInput=socket in the unit, as templates/systemd/countersign-interlock.service has it";
        CommandError::new(Exit::Usage, format!("standard input is no socket that listens: {error}"), next)
    };
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let listens = rustix::net::sockopt::socket_acceptconn(&stdin).map_err(|error| failed(error.into()))?;
    if !listens {
        return Err(failed(std::io::ErrorKind::InvalidInput.into()));
    }
    Ok(UnixListener::from(stdin))
}

/// Listens at a path, which only this user may write to. What a killed one left there is removed; a live one is not.
///
/// # Errors
///
/// Another one answers there, something else is there, or the place cannot be written.
pub fn listen(socket: &Path) -> Result<UnixListener, CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::new(
            Exit::Write,
            format!("{}: {error}", socket.display()),
            "run it as root, or name another --socket",
        )
    };
    if let Ok(there) = fs::symlink_metadata(socket) {
        if !there.file_type().is_socket() || UnixStream::connect(socket).is_ok() {
            let message = format!("something is at {} already", socket.display());
            return Err(CommandError::new(Exit::Busy, message, "end it first: systemctl stop countersign-interlock"));
        }
        fs::remove_file(socket).map_err(failed)?;
    }
    if let Some(directory) = socket.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let listener = UnixListener::bind(socket).map_err(failed)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

//! The person's Python as a process: started, asked with a time limit, listened to, and never left behind.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::frame::Frame;
use crate::task::Cancel;
use crate::{Error, Result};

/// What runs over there, one file of three.
const BRIDGE: &str =
    concat!(include_str!("python/arrays.py"), include_str!("python/script.py"), include_str!("python/serve.py"));
/// How long a question may take, unless `DENOSCOPE_PYTHON_TIMEOUT` says otherwise.
const LIMIT: Duration = Duration::from_mins(1);
/// How much longer than a question the opening of a script may take: it loads libraries and weights.
pub(super) const OPENING: u32 = 5;
/// How long a question that was called off may still take, before the process is given up.
const GRACE: Duration = Duration::from_secs(2);
/// How often a wait looks at whether it was called off.
const LOOK: Duration = Duration::from_millis(50);
/// How many lines of what the script prints are kept, and the most characters of each.
const LINES: usize = 1000;
const LONGEST: usize = 2000;

/// What a script printed, the oldest line first.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// The last lines, so many at most.
    pub fn tail(&self, count: usize) -> Vec<String> {
        let lines = lock(&self.0);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    /// The last line with something on it.
    pub fn last(&self) -> Option<String> {
        lock(&self.0).iter().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
    }

    pub fn add(&self, line: &str) {
        let mut lines = lock(&self.0);
        let shown = |c: char| if c.is_control() && c != '\t' { ' ' } else { c };
        lines.push_back(line.chars().take(LONGEST).map(shown).collect());
        if lines.len() > LINES {
            lines.pop_front();
        }
    }
}

/// Where a script's printed lines go, beside the log.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// A running Python.
pub(super) struct Process {
    /// What errors begin with.
    name: String,
    child: Mutex<Child>,
    conversation: Mutex<Conversation>,
    /// It was stopped on purpose.
    stopped: AtomicBool,
    limit: Duration,
    cancel: Cancel,
    listener: Option<Listener>,
    pub(super) log: Log,
}

/// One question at a time, and its answer.
struct Conversation {
    to: Option<Sender<Vec<u8>>>,
    from: Receiver<Result<Frame, String>>,
    /// Why there will be no more answers.
    ended: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which Python: the one that `DENOSCOPE_PYTHON` names, else the active environment's, else the system's.
pub(super) fn python() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let inside = |folder: OsString| {
        let tail = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python3" };
        // Conda on Windows has it at the top.
        let places = [tail, "python.exe"].map(|tail| Path::new(&folder).join(tail));
        places.into_iter().find(|path| path.exists())
    };
    if let Some(named) = set("DENOSCOPE_PYTHON") {
        return named.into();
    }
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(set).find_map(inside);
    active.unwrap_or_else(|| if cfg!(windows) { "python" } else { "python3" }.into())
}

/// The time limit of a question.
///
/// # Errors
/// [`Error::Option`] if `DENOSCOPE_PYTHON_TIMEOUT` is no time.
pub(super) fn limit() -> Result<Duration> {
    let Some(text) = env::var_os("DENOSCOPE_PYTHON_TIMEOUT") else { return Ok(LIMIT) };
    let seconds = text.to_str().and_then(|text| text.trim().parse::<f64>().ok());
    let limit = seconds.filter(|s| *s > 0.0 && *s <= 1e7).map(Duration::from_secs_f64);
    limit.ok_or_else(|| Error::option("DENOSCOPE_PYTHON_TIMEOUT", format!("{} is no time in seconds", text.display())))
}

impl Process {
    /// Starts Python with the bridge in it. `name` begins every error, `device` is what the person chose, which the script finds
    /// as `DENOSCOPE_DEVICE`, `limit` how long a question may take.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no Python to start.
    pub fn start(
        name: &str,
        device: &str,
        limit: Duration,
        cancel: Cancel,
        listener: Option<Listener>,
    ) -> Result<Self> {
        let python = python();
        let mut command = Command::new(&python);
        // The bridge comes first over standard input: no file is left, and no command line is too long for the system.
        let start = format!(
            "import os\nn, s = {}, b''\nwhile len(s) < n:\n    c = os.read(0, n - len(s))\n    if not c:\n        os._exit(1)\n    s += c\nexec(compile(s, 'denoscope-bridge.py', 'exec'))",
            BRIDGE.len()
        );
        command.arg("-c").arg(start).env("DENOSCOPE_DEVICE", device);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let shown = python.display();
            Error::Device(format!("{name}: {shown} does not start ({error}): name a Python by DENOSCOPE_PYTHON=PATH"))
        })?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Error::Device(format!("{name}: {} has no standard streams", python.display())));
        };
        let log = Log::default();
        let (to, outgoing) = channel();
        let (incoming, from) = channel();
        // Threads of their own, so that neither a full pipe nor a silent script holds up who asks.
        let threads = [
            thread::Builder::new().name("denoscope-python-in".to_owned()).spawn(move || send(stdin, &outgoing)),
            thread::Builder::new().name("denoscope-python-out".to_owned()).spawn(move || receive(stdout, &incoming)),
            thread::Builder::new().name("denoscope-python-log".to_owned()).spawn({
                let (log, listener) = (log.clone(), listener.clone());
                move || listen(stderr, &log, listener.as_ref())
            }),
        ];
        let process = Self {
            name: name.to_owned(),
            child: Mutex::new(child),
            conversation: Mutex::new(Conversation { to: Some(to), from, ended: None }),
            stopped: AtomicBool::new(false),
            limit,
            cancel,
            listener,
            log,
        };
        for thread in threads {
            thread.map_err(|error| Error::Device(format!("{name}: no thread to talk to Python by: {error}")))?;
        }
        let conversation = lock(&process.conversation);
        if let Some(to) = &conversation.to {
            // If it is gone already, the first question says so.
            let _ = to.send(BRIDGE.as_bytes().to_vec());
        }
        drop(conversation);
        Ok(process)
    }

    /// Asks, and waits for the answer `times` as long as a question may take.
    ///
    /// # Errors
    /// [`Error::Device`] if the process is gone or is given up, in one line with the last thing it said; [`Error::Compute`] for a question that is
    /// too large; [`Error::Cancelled`].
    pub fn ask(&self, question: &Frame, times: u32) -> Result<Frame> {
        let bytes = question.bytes().map_err(|error| Error::Compute(format!("{}: {error}", self.name)))?;
        let mut conversation = lock(&self.conversation);
        if let Some(ended) = &conversation.ended {
            return Err(Error::Device(format!("{}: {ended}", self.name)));
        }
        let sent = conversation.to.as_ref().is_some_and(|to| to.send(bytes).is_ok());
        let answer = if sent { self.wait(&conversation.from, self.limit * times) } else { Err(End::Gone) };
        match answer {
            Ok(frame) => Ok(frame),
            Err(end) => {
                let words = self.words_of(&end);
                conversation.ended = Some(words.clone());
                // Closes the stream, which ends the thread that writes to it.
                conversation.to = None;
                if matches!(end, End::Cancelled) {
                    return Err(Error::Cancelled);
                }
                Err(Error::Device(format!("{}: {words}", self.name)))
            }
        }
    }

    fn wait(&self, from: &Receiver<Result<Frame, String>>, limit: Duration) -> Result<Frame, End> {
        let begin = Instant::now();
        let mut called_off: Option<Instant> = None;
        loop {
            match from.recv_timeout(LOOK) {
                Ok(Ok(frame)) => return Ok(frame),
                Ok(Err(words)) => return Err(End::Babble(words)),
                Err(RecvTimeoutError::Disconnected) => return Err(End::Gone),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.cancel.is_raised() {
                // What is nearly there is worth a moment: a certificate keeps what it has by then.
                let since = *called_off.get_or_insert_with(Instant::now);
                if since.elapsed() > GRACE {
                    return Err(End::Cancelled);
                }
            }
            if begin.elapsed() > limit {
                return Err(End::Late(limit));
            }
        }
    }

    /// Notes where in Python something went wrong; who listens is told if `DENOSCOPE_PYTHON_TRACEBACK` is set.
    pub fn note_traceback(&self, text: &str) {
        let listener = self.listener.as_ref().filter(|_| env::var_os("DENOSCOPE_PYTHON_TRACEBACK").is_some());
        for line in text.lines() {
            self.log.add(line);
            if let Some(listener) = listener {
                listener(line);
            }
        }
    }

    /// Ends the process, and says why there is no answer.
    fn words_of(&self, end: &End) -> String {
        let status = self.reap(matches!(end, End::Gone));
        if self.stopped.load(Ordering::SeqCst) {
            return "the Python process was stopped".to_owned();
        }
        match end {
            End::Late(limit) => format!(
                "no answer within {} s, so its Python process was stopped; DENOSCOPE_PYTHON_TIMEOUT=SECONDS allows more",
                limit.as_secs_f64()
            ),
            End::Cancelled => "its Python process was stopped in the middle of a question".to_owned(),
            End::Babble(words) => format!("its Python process was stopped: {words}"),
            End::Gone => {
                // What it said last may still be on its way.
                thread::sleep(LOOK);
                let last = self.log.last().map_or_else(String::new, |line| format!(": {line}"));
                format!("its Python process ended ({status}){last}")
            }
        }
    }

    /// Ends the process, at once or if `gently` once it has had a moment to end by itself, and tells how it ended.
    fn reap(&self, gently: bool) -> String {
        let mut child = lock(&self.child);
        let begin = Instant::now();
        while gently && begin.elapsed() < GRACE {
            if let Ok(Some(status)) = child.try_wait() {
                return status.to_string();
            }
            thread::sleep(Duration::from_millis(5));
        }
        // Both fail only where it has ended already.
        let _ = child.kill();
        child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Ends the process now, whoever waits for an answer.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.reap(false);
    }

    /// Whether it can be asked, as far as that is known without waiting.
    pub fn is_alive(&self) -> bool {
        let runs = match self.child.try_lock() {
            Ok(mut child) => matches!(child.try_wait(), Ok(None)),
            // Somebody is about to end it, and says so when it is done.
            Err(_) => true,
        };
        runs && !self.stopped.load(Ordering::SeqCst)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.reap(false);
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum End {
    /// The stream ended.
    Gone,
    /// It took too long.
    Late(Duration),
    /// Nobody waits any more.
    Cancelled,
    /// What came is no answer.
    Babble(String),
}

/// Writes what is to be said until there is no more, or nobody to hear it.
fn send(to: impl Write, outgoing: &Receiver<Vec<u8>>) {
    let mut to = BufWriter::with_capacity(1 << 16, to);
    for bytes in outgoing {
        if to.write_all(&bytes).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// Reads answers until the stream ends or makes no sense.
fn receive(from: impl Read, incoming: &Sender<Result<Frame, String>>) {
    let mut from = BufReader::with_capacity(1 << 16, from);
    loop {
        let read = match Frame::read(&mut from) {
            Ok(Some(frame)) => Ok(frame),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(error.to_string()),
            // It ended, or in the middle of a frame.
            Ok(None) | Err(_) => return,
        };
        let over = read.is_err();
        if incoming.send(read).is_err() || over {
            return;
        }
    }
}

/// Notes what is printed, line by line; a line without end is cut.
fn listen(from: impl Read, log: &Log, listener: Option<&Listener>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.by_ref().take(1 << 16).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                // Progress bars write over their own line.
                let text = text.trim_end_matches(['\n', '\r']).rsplit('\r').next().unwrap_or_default().to_owned();
                log.add(&text);
                if let Some(listener) = listener {
                    listener(&text);
                }
            }
        }
    }
}

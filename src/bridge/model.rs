//! A script as a joint model.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::abilities::abilities;
use super::frame::{Frame, MOST_PAYLOAD, read_doubles, read_singles, singles};
use super::process::{Listener, OPENING, Process, limit};
use super::source::ScriptSource;
use crate::joint::{Abilities, Forward, JointModel, SigmaRange, check_input, cotangents_a_picture};
use crate::picture::{Batch, Shape};
use crate::task::Cancel;
use crate::{Error, Result};

/// The version of the frames that both ends speak.
const PROTOCOL: u64 = 1;
/// The most classes that a script may have.
const MOST_CLASSES: usize = 100_000;
/// The largest side of a script's pictures.
const LARGEST_SIDE: usize = 1 << 16;

/// A model that answers in the person's own Python.
///
/// The process lives as long as this value. It is asked one question at a time; what takes too long, ends or answers nonsense is
/// an error in one line, and once the process is gone every question is.
pub struct PythonModel {
    source: ScriptSource,
    name: String,
    /// What errors begin with.
    origin: String,
    digest: String,
    classes: Vec<String>,
    shape: Shape,
    any_size: bool,
    range: SigmaRange,
    abilities: Abilities,
    notes: Vec<String>,
    device: String,
    /// Bytes that the process held at its last answer, in main memory and on its accelerator; 0 if that is not known.
    memory: [AtomicU64; 2],
    /// The next forward pass's number.
    next: AtomicU64,
    /// The forward passes that nobody needs any more, to be told at the next question.
    forgotten: Mutex<Vec<u64>>,
    process: Process,
}

/// What a script says when it is opened.
#[derive(Deserialize)]
struct Opened {
    protocol: u64,
    name: String,
    classes: Vec<String>,
    shape: [usize; 3],
    sigma_range: [f32; 2],
    any_size: bool,
    roles: Vec<String>,
    takes_sigma: bool,
    gradient: Option<String>,
    backend: String,
    device: String,
    notes: Vec<String>,
    files: Vec<PathBuf>,
}

impl PythonModel {
    /// Starts Python on a script and asks it what it is. `device` is what the person chose (`auto`, `cpu`, `cuda:0`), which the script finds as
    /// `DENOSCOPE_DEVICE`; `cancel` calls off whatever question waits; `listener` is given each line that the script prints.
    ///
    /// This runs the person's code: only for a script that a person named for that.
    ///
    /// # Errors
    /// [`Error::Io`] if the script cannot be read, [`Error::Device`] if there is no Python or it ends or hangs,
    /// [`Error::Checkpoint`] with Python's own words if the script fails or does not say what it needs to.
    pub fn open(source: &ScriptSource, device: &str, cancel: &Cancel, listener: Option<Listener>) -> Result<Self> {
        Self::open_within(limit()?, source, device, cancel, listener)
    }

    /// [`Self::open`] with another limit to how long a question may take.
    pub(super) fn open_within(
        limit: Duration,
        source: &ScriptSource,
        device: &str,
        cancel: &Cancel,
        listener: Option<Listener>,
    ) -> Result<Self> {
        let path = std::path::absolute(&source.path).map_err(|error| Error::io(&source.path, error))?;
        let mut digest = Sha256::new();
        hash(&path, &source.path, &mut digest)?;
        digest.update(source.object.as_deref().unwrap_or_default());
        let origin = source.to_string();
        let process = Process::start(&origin, device, limit, cancel.clone(), listener)?;
        let (kind, carried) = source.carried().unzip();
        let header = json!({"op": "open", "script": path, "name": source.object, "kind": kind});
        let question = Frame { header, payload: carried.unwrap_or_default().as_bytes().to_vec() };
        let answer = process.ask(&question, OPENING)?;
        let refused = |reason: String| Error::checkpoint(&source.path, reason);
        if let Some(reason) = failure(&answer.header, &process) {
            return Err(refused(reason));
        }
        let memory = [AtomicU64::new(0), AtomicU64::new(0)];
        note_memory(&memory, &answer.header);
        let opened: Opened = serde_json::from_value(answer.header)
            .map_err(|error| refused(format!("its Python process does not say what it is ({error})")))?;
        let [channels, height, width] = opened.shape;
        let [min, max] = opened.sigma_range;
        if opened.protocol != PROTOCOL {
            return Err(refused(format!("its Python process speaks version {}, not {PROTOCOL}", opened.protocol)));
        }
        if opened.classes.is_empty() || opened.classes.len() > MOST_CLASSES {
            return Err(refused(format!("{} classes, and a model has 1 to {MOST_CLASSES}", opened.classes.len())));
        }
        if ![1, 3].contains(&channels) || ![height, width].iter().all(|side| (1..=LARGEST_SIDE).contains(side)) {
            return Err(refused(format!("{channels}×{height}×{width} is no shape of pictures")));
        }
        if !(min > 0.0 && min <= max && max.is_finite()) {
            return Err(refused(format!("{min} to {max} is no range of noise levels")));
        }
        for file in &opened.files {
            hash(file, file, &mut digest)?;
        }
        Ok(Self {
            source: source.clone(),
            name: opened.name,
            digest: format!("{:x}", digest.finalize()),
            classes: opened.classes,
            shape: Shape::new(channels, height, width),
            any_size: opened.any_size,
            range: SigmaRange { min, max },
            abilities: abilities(&opened.roles, opened.takes_sigma, opened.gradient.as_deref()),
            notes: opened.notes.iter().map(|note| format!("{origin}: {note}")).collect(),
            device: format!("python ({}, {})", opened.backend, opened.device),
            origin,
            memory,
            next: AtomicU64::new(1),
            forgotten: Mutex::default(),
            process,
        })
    }

    /// The script.
    #[must_use]
    pub fn source(&self) -> &ScriptSource {
        &self.source
    }

    /// What the script's author should know, one line each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What the script printed, and Python's account of what went wrong: the last lines, so many of them at most.
    #[must_use]
    pub fn printed(&self, lines: usize) -> Vec<String> {
        self.process.log.tail(lines)
    }

    /// Bytes of main memory that the process held at its last answer, where the system tells.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        Some(self.memory[0].load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// Bytes of its accelerator's memory, where there is one.
    #[must_use]
    pub fn device_memory(&self) -> Option<u64> {
        Some(self.memory[1].load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// Whether its process can be asked.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Ends its process now, whoever waits for an answer; every later question is an error.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Asks, and makes an error of the script's own.
    fn ask(&self, header: Value, payload: Vec<u8>) -> Result<Frame> {
        let answer = self.process.ask(&Frame { header, payload }, 1)?;
        note_memory(&self.memory, &answer.header);
        match failure(&answer.header, &self.process) {
            Some(reason) => Err(self.wrong(&reason)),
            None => Ok(answer),
        }
    }

    fn wrong(&self, reason: &str) -> Error {
        Error::Compute(format!("{}: {reason}", self.origin))
    }

    /// A forward pass over there: its number and log-joint.
    fn pass(&self, noisy: &Batch, sigmas: &[f32]) -> Result<(u64, Vec<f64>)> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let forget = std::mem::take(&mut *self.forgotten.lock().unwrap_or_else(PoisonError::into_inner));
        let shape = noisy.shape();
        let header = json!({
            "op": "forward",
            "id": id,
            "count": noisy.len(),
            "shape": [shape.channels, shape.height, shape.width],
            "forget": forget,
        });
        let answer = self.ask(header, singles(&[noisy.values(), sigmas]))?;
        let log_joint = read_doubles(&answer.payload, noisy.len() * self.classes.len())
            .ok_or_else(|| self.wrong("its Python process answers with another number of log-probabilities"))?;
        if let Some(index) = log_joint.iter().position(|value| !value.is_finite()) {
            let (picture, value) = (index / self.classes.len() + 1, log_joint[index]);
            let class = &self.classes[index % self.classes.len()];
            let reason = format!("picture {picture} of {} gives {value} for {class}, not a finite number", noisy.len());
            return Err(self.wrong(&reason));
        }
        Ok((id, log_joint))
    }
}

impl JointModel for PythonModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn device(&self) -> String {
        self.device.clone()
    }

    fn digest(&self) -> String {
        self.digest.clone()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn abilities(&self) -> Abilities {
        self.abilities.clone()
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape == self.shape || self.any_size && shape.channels == self.shape.channels && !shape.is_empty()
    }

    fn sigma_range(&self) -> SigmaRange {
        self.range
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        check_input(self, noisy, sigmas)?;
        let sigmas: Vec<f32> = sigmas.iter().map(|&sigma| self.range.clamp(sigma)).collect();
        let (id, log_joint) = self.pass(noisy, &sigmas)?;
        Ok(Box::new(Pass { model: self, id: AtomicU64::new(id), noisy: noisy.clone(), sigmas, log_joint }))
    }
}

/// A forward pass that is kept over there, as long as there is room.
struct Pass<'a> {
    model: &'a PythonModel,
    /// Its number; another once it had to be repeated.
    id: AtomicU64,
    noisy: Batch,
    sigmas: Vec<f32>,
    log_joint: Vec<f64>,
}

impl Forward for Pass<'_> {
    fn noisy(&self) -> &Batch {
        &self.noisy
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn log_joint(&self) -> &[f64] {
        &self.log_joint
    }

    fn pullback(&self, cotangents: &[f32]) -> Result<Batch> {
        let model = self.model;
        let each = cotangents_a_picture(self, model.classes.len(), cotangents)?;
        if let Some(reason) = model.abilities.gradients.missing() {
            return Err(model.wrong(reason));
        }
        let shape = self.noisy.shape();
        let count = self.noisy.len() * each * shape.len();
        if 4 * count as u64 > MOST_PAYLOAD {
            let reason = format!("{each} gradients of {} pictures are more than the bridge carries", self.noisy.len());
            return Err(model.wrong(&reason));
        }
        let ask = || {
            let id = self.id.load(Ordering::Relaxed);
            let header = json!({"op": "pullback", "id": id, "count": self.noisy.len(), "each": each});
            model.ask(header, singles(&[cotangents]))
        };
        let mut answer = ask()?;
        if answer.header.get("gone").is_some() {
            // There was no more room for it: once again.
            self.id.store(model.pass(&self.noisy, &self.sigmas)?.0, Ordering::Relaxed);
            answer = ask()?;
        }
        let gradients = read_singles(&answer.payload, count)
            .ok_or_else(|| model.wrong("its Python process answers with another number of gradients"))?;
        if let Some(index) = gradients.iter().position(|value| !value.is_finite()) {
            let picture = index / (each * shape.len()) + 1;
            let reason = format!("the gradient of picture {picture} has {}, not a finite number", gradients[index]);
            return Err(model.wrong(&reason));
        }
        Ok(Batch::new(shape, gradients))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut forgotten = self.model.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.push(self.id.load(Ordering::Relaxed));
    }
}

/// What went wrong in Python, in one line; the whole of it goes into the log.
fn failure(header: &Value, process: &Process) -> Option<String> {
    let error = header.get("error")?.as_str().unwrap_or("it failed and did not say how");
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    process.note_traceback(text("traceback").unwrap_or_default());
    let line: String = error.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(text("where").map_or_else(|| line.clone(), |place| format!("{line} ({place})")))
}

fn note_memory(memory: &[AtomicU64; 2], header: &Value) {
    for (bytes, name) in memory.iter().zip(["memory", "device_memory"]) {
        bytes.store(header.get(name).and_then(Value::as_u64).unwrap_or_default(), Ordering::Relaxed);
    }
}

/// Adds a file's bytes to a digest. `shown` is what an error calls it.
fn hash(path: &Path, shown: &Path, digest: &mut Sha256) -> Result<()> {
    let failed = |error| Error::io(shown, error);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut part = vec![0; 1 << 20];
    loop {
        match file.read(&mut part).map_err(failed)? {
            0 => return Ok(()),
            count => digest.update(&part[..count]),
        }
    }
}

//! What there is to compute on, and how fast a model is there.

use serde::Serialize;

use super::{Checkpoint, DeviceChoice, Network};
use crate::Result;
use crate::joint::JointModel;

/// A device as a list shows it.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceReport {
    /// What `--device` takes: `cpu`, `gpu:0`, `cuda:0`, `metal`.
    pub device: String,
    /// Its name.
    pub name: String,
    /// The interface that it is reached by.
    pub backend: Option<String>,
    /// The driver and its version.
    pub driver: Option<String>,
    /// `discrete`, `integrated`, `virtual`, `software` or `unknown`.
    pub kind: Option<String>,
    /// Bytes of its memory; none where its interface does not tell.
    pub memory_bytes: Option<u64>,
    /// The most bytes of a buffer that a kernel may read.
    pub buffer_bytes: Option<u64>,
    /// Milliseconds of an analysis of one picture of the model's own size, once it is warm.
    pub analysis_ms: Option<f64>,
    /// Whether `auto` takes it for this model.
    pub automatic: bool,
    /// Why it is not to be had, or why `auto` does not take it.
    pub note: Option<String>,
}

impl DeviceReport {
    fn new(device: &str, name: &str) -> Self {
        Self {
            device: device.to_owned(),
            name: name.to_owned(),
            backend: None,
            driver: None,
            kind: None,
            memory_bytes: None,
            buffer_bytes: None,
            analysis_ms: None,
            automatic: false,
            note: None,
        }
    }

    /// Interface, driver and limits, where it is an adapter.
    #[must_use]
    pub fn about(&self) -> Option<String> {
        let (kind, backend, driver) = (self.kind.as_ref()?, self.backend.as_ref()?, self.driver.as_ref()?);
        let size = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
        let memory = match (self.memory_bytes, self.buffer_bytes) {
            (Some(bytes), _) => format!(", {} of memory", size(bytes)),
            (None, Some(bytes)) => format!(", buffers to {}", size(bytes)),
            (None, None) => String::new(),
        };
        Some(format!("{kind}, {backend}, {driver}{memory}"))
    }

    /// Measures an analysis there, or says why it cannot be had.
    fn measure(&mut self, checkpoint: &Checkpoint, choice: &DeviceChoice) {
        let measured = Network::load(checkpoint, choice).and_then(|network| network.analysis_ms());
        match measured {
            Ok(milliseconds) => self.analysis_ms = Some(milliseconds),
            Err(error) => self.note = Some(error.to_string()),
        }
    }
}

/// Every device, with what can be said without using it.
#[must_use]
pub fn listed() -> Vec<DeviceReport> {
    with_choices().into_iter().map(|(_, report)| report).collect()
}

/// Every device beside the choice that means it.
fn with_choices() -> Vec<(DeviceChoice, DeviceReport)> {
    let mut found = vec![(DeviceChoice::Cpu, DeviceReport::new("cpu", "the processor"))];
    #[cfg(feature = "gpu")]
    for card in crate::gpu::cards() {
        let choice = DeviceChoice::Gpu(Some(card.number.to_string()));
        let software = card.kind == crate::gpu::Kind::Software;
        let report = DeviceReport {
            backend: Some(card.backend.clone()),
            driver: Some(card.driver.clone()),
            kind: Some(card.kind.name().to_owned()),
            memory_bytes: card.memory,
            buffer_bytes: Some(card.binding_bytes),
            note: software.then(|| "a program on the processor: only taken if it is named".to_owned()),
            ..DeviceReport::new(&choice.to_string(), &card.name)
        };
        found.push((choice, report));
    }
    for (choice, name) in [(DeviceChoice::Cuda(0), "CUDA"), (DeviceChoice::Metal, "Metal by tensors")] {
        let note = choice.tensors().err().map(|error| error.to_string());
        let report = DeviceReport { note, ..DeviceReport::new(&choice.to_string(), name) };
        found.push((choice, report));
    }
    found
}

/// Every device, with the time of an analysis by this model where it can be had.
///
/// # Errors
/// If the model cannot be used on any device.
pub fn devices(checkpoint: &Checkpoint) -> Result<Vec<DeviceReport>> {
    let mut reports = Vec::new();
    for (choice, mut report) in with_choices() {
        if choice.tensors().is_ok() {
            report.measure(checkpoint, &choice);
        }
        reports.push(report);
    }
    let network = Network::load(checkpoint, &DeviceChoice::Auto)?;
    // A card's title begins with what `--device` takes.
    let (automatic, why) = (network.device(), network.device_reason());
    let taken = automatic.split_whitespace().next().unwrap_or_default();
    for report in &mut reports {
        report.automatic = report.device == taken || format!("{}:0", report.device) == taken;
        if report.automatic && report.note.is_none() {
            report.note.clone_from(&why);
        }
    }
    Ok(reports)
}

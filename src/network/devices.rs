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
            buffer_bytes: None,
            analysis_ms: None,
            automatic: false,
            note: None,
        }
    }

    /// Measures an analysis there, or says why it cannot be had.
    fn measure(&mut self, checkpoint: &Checkpoint, choice: &DeviceChoice) {
        let measured = Network::load(checkpoint, choice).and_then(|network| {
            let milliseconds = network.analysis_ms()?;
            match network.device_reason() {
                // The processor helped out: the time is not this device's.
                Some(failure) => Err(crate::Error::Device(failure)),
                None => Ok(milliseconds),
            }
        });
        match measured {
            Ok(milliseconds) => self.analysis_ms = Some(milliseconds),
            Err(error) => self.note = Some(error.to_string()),
        }
    }
}

/// Every device, with the time of an analysis by this model where it can be had.
///
/// # Errors
/// If the model cannot be used on any device.
pub fn devices(checkpoint: &Checkpoint) -> Result<Vec<DeviceReport>> {
    let mut reports = vec![DeviceReport::new("cpu", "the processor")];
    reports[0].measure(checkpoint, &DeviceChoice::Cpu);
    #[cfg(feature = "gpu")]
    for card in crate::gpu::cards() {
        let choice = DeviceChoice::Gpu(Some(card.number.to_string()));
        let mut report = DeviceReport {
            backend: Some(card.backend.clone()),
            driver: Some(card.driver.clone()),
            kind: Some(card.kind.name().to_owned()),
            buffer_bytes: Some(card.binding_bytes),
            ..DeviceReport::new(&choice.to_string(), &card.name)
        };
        report.measure(checkpoint, &choice);
        if card.kind == crate::gpu::Kind::Software && report.note.is_none() {
            report.note = Some("a program on the processor: only taken if it is named".to_owned());
        }
        reports.push(report);
    }
    for (choice, name) in [(DeviceChoice::Cuda(0), "CUDA"), (DeviceChoice::Metal, "Metal by tensors")] {
        let mut report = DeviceReport::new(&choice.to_string(), name);
        match choice.tensors() {
            Ok(_) => report.measure(checkpoint, &choice),
            Err(error) => report.note = Some(error.to_string()),
        }
        reports.push(report);
    }
    let automatic = Network::load(checkpoint, &DeviceChoice::Auto)?.device();
    // A card's title begins with what `--device` takes.
    let taken = automatic.split_whitespace().next().unwrap_or_default();
    for report in &mut reports {
        report.automatic = report.device == taken || format!("{}:0", report.device) == taken;
    }
    Ok(reports)
}

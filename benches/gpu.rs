//! What a graphics card can do with the network, and the processor beside it in the same run:
//!
//! ```text
//! cargo bench --bench gpu             the best card
//! cargo bench --bench gpu -- gpu:0    a card by number or name, one in software among them
//! ```
//!
//! First the card itself: limits, round trip, the floor of a dispatch, the speed of a convolution by each tile. Then what a
//! user waits for: an analysis with ten classes, PGD of 40 steps, votes of a certificate, and a photograph in tiles. Each
//! is the best of a few runs.

mod jobs;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use denoscope::gpu::{Gpu, Kind, Selector, Settings, choose, probe};
use denoscope::network::DeviceChoice;

fn main() -> Result<()> {
    let name = std::env::args().skip(1).find(|argument| argument.starts_with("gpu"));
    let card = match choose(&Selector::parse(name.as_deref().and_then(|n| n.strip_prefix("gpu:")).unwrap_or_default()))
    {
        Ok(card) => card,
        // Not a failure: a machine without a card has nothing to measure.
        Err(error) if name.is_none() => {
            println!("{error}");
            return Ok(());
        }
        Err(error) => bail!(error),
    };
    let software = card.kind == Kind::Software;
    println!("{}: {}, {}, buffers to {} MiB", card.title(), card.kind.name(), card.driver, card.binding_bytes >> 20);
    let found = probe::probe(&Gpu::open(card.clone(), Settings::default())?, if software { 1 } else { 64 })?;
    println!("round trip {:.3} ms, {:.1} µs a dispatch", found.round_trip_ms, found.dispatch_us);
    for ((columns, rows), speed) in found.giga_operations {
        println!("convolution by tiles of {}×{}: {speed:.1} GFLOP/s", 4 * rows, 4 * columns);
    }
    let folder = tempfile::tempdir()?;
    jobs::write_networks(folder.path())?;
    println!("{:<24} {:>12} {:>12}", "", "card", "processor");
    let jobs: &[&str] = if software {
        &["analyze compact"]
    } else {
        &["analyze compact", "analyze gradresnet18", "pgd40 compact", "votes 1000 compact", "photograph 1024 compact"]
    };
    let gpu = DeviceChoice::Gpu(Some(card.number.to_string()));
    for job in jobs {
        let times = [&gpu, &DeviceChoice::Cpu].map(|device| time(folder.path(), job, device));
        let [card, processor] = times;
        println!("{job:<24} {:>9.2} ms {:>9.2} ms", card?, processor?);
    }
    Ok(())
}

/// Milliseconds of a job on a device: the best of as many as fit into two seconds.
fn time(folder: &Path, job: &str, device: &DeviceChoice) -> Result<f64> {
    let mut job = jobs::prepare(folder, job, device)?;
    job()?;
    let (start, mut best) = (Instant::now(), Duration::MAX);
    while start.elapsed() < Duration::from_secs(2) {
        let before = Instant::now();
        job()?;
        best = best.min(before.elapsed());
    }
    Ok(best.as_secs_f64() * 1e3)
}

//! What a graphics card can do with the network, and the processor beside it in the same run:
//!
//! ```text
//! cargo bench --bench gpu                    the best card
//! cargo bench --bench gpu -- gpu:0           a card by number or name, one in software among them
//! ```
//!
//! First the card itself: limits, round trip, the floor of a dispatch, the speed of a convolution by each tile. Then what a
//! user waits for: an analysis with ten classes, PGD of 40 steps, a certificate, and a photograph in tiles; and training, in
//! pictures a second. Each is the best of a few runs. A program that pretends to be a card is hundreds of times slower and gets
//! smaller jobs.

mod jobs;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use denoscope::gpu::{Card, Gpu, Kind, Selector, Settings, choose, probe};
use denoscope::network::DeviceChoice;

/// What a user waits for: names for people, and the jobs.
const JOBS: [(&str, &str); 5] = [
    ("analysis, 10 classes, compact", "analyze compact"),
    ("analysis, gradresnet18", "analyze gradresnet18"),
    ("PGD, 40 steps, compact", "pgd40 compact"),
    ("certificate, 3000 votes, compact", "certificate 3000 compact"),
    ("photograph of 1024², compact", "photograph 1024 compact"),
];

/// The same for a program that pretends to be a card.
const SMALL_JOBS: [(&str, &str); 5] = [
    ("analysis, 10 classes, compact", "analyze compact"),
    ("analysis, tiny", "analyze tiny"),
    ("PGD, 40 steps, tiny", "pgd40 tiny"),
    ("certificate, 300 votes, tiny", "certificate 300 tiny"),
    ("photograph of 256², tiny", "photograph 256 tiny"),
];

/// What is trained: names for people, and pictures a step with the network.
const TRAININGS: [(&str, usize, &str); 2] =
    [("training, 64 pictures, compact", 64, "compact"), ("training, 64 pictures, gradresnet18", 64, "gradresnet18")];

/// The same for a program that pretends to be a card.
const SMALL_TRAININGS: [(&str, usize, &str); 1] = [("training, 16 pictures, tiny", 16, "tiny")];

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
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "denoscope {}, {} {}, {threads} processor threads",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    measure_card(&card)?;
    let folder = tempfile::tempdir()?;
    jobs::write_networks(folder.path())?;
    println!("{:<34} {:>13} {:>13} {:>7}", "", "card", "processor", "ratio");
    let jobs = if card.kind == Kind::Software { SMALL_JOBS } else { JOBS };
    let device = DeviceChoice::Gpu(Some(card.number.to_string()));
    for (name, job) in jobs {
        let [card, processor] = [&device, &DeviceChoice::Cpu].map(|device| time(folder.path(), job, device));
        // One that fails is no reason to keep the others' figures from a person.
        match (card, processor) {
            (Ok(card), Ok(processor)) => {
                println!("{name:<34} {card:>10.2} ms {processor:>10.2} ms {:>7.2}", processor / card);
            }
            (card, processor) => println!("{name:<34} {}", card.and(processor).unwrap_err()),
        }
    }
    let trainings = if card.kind == Kind::Software { &SMALL_TRAININGS[..] } else { &TRAININGS };
    for (name, batch, network) in trainings {
        let job = format!("train {batch} {network}");
        // Milliseconds of a few steps become pictures a second.
        let shown = 1e3 * (jobs::TRAIN_STEPS * batch) as f64;
        let speed = |device| time(folder.path(), &job, device).map(|milliseconds| shown / milliseconds);
        match [&device, &DeviceChoice::Cpu].map(speed) {
            [Ok(card), Ok(processor)] => {
                println!("{name:<36} {card:>8.0} /s {processor:>10.0} /s {:>7.2}", card / processor);
            }
            [card, processor] => println!("{name:<36} {}", card.and(processor).unwrap_err()),
        }
    }
    Ok(())
}

/// Limits, latencies and speeds of the card itself.
fn measure_card(card: &Card) -> Result<()> {
    let gpu = Gpu::open(card.clone(), Settings::default())?;
    println!("{}: {}, {}", card.title(), card.kind.name(), card.driver);
    println!(
        "buffers to {} MiB, {} threads a workgroup, {} MiB for a job",
        card.binding_bytes >> 20,
        card.threads,
        gpu.memory() >> 20
    );
    let found = probe::probe(&gpu, if card.kind == Kind::Software { 1 } else { 64 })?;
    println!("round trip {:.3} ms, {:.1} µs a dispatch", found.round_trip_ms, found.dispatch_us);
    for ((columns, rows), speed) in found.giga_operations {
        println!("convolution by tiles of {:>3} pixels × {:>2} channels: {speed:.1} GFLOP/s", 4 * rows, 4 * columns);
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

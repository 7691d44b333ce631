//! What a user waits for, with as many threads as there are processors (`RAYON_NUM_THREADS` sets another number): the
//! analysis of one 32×32 picture with all ten conditional denoisers, the study of a 64×64 picture by a network of 200 classes (D,
//! the twelve likeliest classes and all others as one), forty steps of PGD on it, and a training step of 64.
//!
//! `cargo bench --bench network` prints criterion's times; `benches/peer.py` sets them beside those of another library.

mod jobs;

use anyhow::Result;
use criterion::Criterion;
use denoscope::network::DeviceChoice;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    jobs::write_networks(folder.path())?;
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    for name in ["analyze compact", "analyze gradresnet18", "study many", "pgd40 compact", "train_step compact"] {
        let mut job = jobs::prepare(folder.path(), name, &DeviceChoice::Cpu)?;
        criterion.bench_function(name, |bencher| bencher.iter(|| job().expect("the job")));
    }
    criterion.final_summary();
    Ok(())
}

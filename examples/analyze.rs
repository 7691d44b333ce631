//! What a model believes of a noisy picture, and what it would restore.
//!
//! `cargo run --release --example analyze -- photo.jpg restored.png`, or without arguments a picture that comes with the crate.

use denoscope::{Classes, JointModel, Noise, PSNR, Request, Result, analyze, load, read_picture, sample, save_picture};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let model = load("cifar10")?;
    let picture = match arguments.next() {
        Some(path) => read_picture(path, model.shape())?,
        None => sample("cifar10/frog", model.shape())?,
    };
    // Noise of 25/255 from seed 7; D, and D under the three likeliest classes and under all others as one.
    let request = Request::clean(picture, Noise::gaussian(25.0 / 255.0, 7)).with_classes(Classes::Top(3));
    let study = analyze(&model, &request)?;

    for conditional in &study.conditionals {
        let name = &study.model.classes[conditional.class];
        let near = conditional.fidelity.map_or(f64::NAN, |fidelity| fidelity.psnr_db());
        println!("{name:<12} {:6.2} %   restored as it: {near:.2} dB", 100.0 * study.posterior[conditional.class]);
    }
    if let Some(rest) = &study.rest {
        println!("{:<12} {:6.2} %", format!("{} others", rest.classes), 100.0 * rest.probability);
    }
    if let (Some(noisy), Some(denoised)) = (study.noisy_fidelity, study.denoised_fidelity) {
        println!("{}: {} noisy, {} denoised", PSNR.title, PSNR.write(noisy.psnr_db()), PSNR.write(denoised.psnr_db()));
    }
    println!("D = Σ p(c | y) D_c to {:.0e}", study.identity_error.unwrap_or(f64::NAN));
    if let Some(path) = arguments.next() {
        save_picture(path, &study.denoised, false)?;
    }
    Ok(())
}

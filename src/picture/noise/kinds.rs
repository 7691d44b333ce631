//! The table of kinds: what each is called, and how it changes a picture.

use rayon::prelude::*;

use super::{Description, Draws};
use crate::picture::{Picture, jpeg, poisson};

/// Every kind, in the order of [`super::NoiseKind`].
pub(super) static TABLE: [Description; 6] = [
    Description {
        name: "gaussian",
        title: "Gaussian",
        about: "Gaussian noise, the kind that the theory is about",
        add: gaussian,
    },
    Description {
        name: "poisson",
        title: "Poisson",
        about: "photon counting: stronger where it is bright",
        add: photons,
    },
    Description {
        name: "salt-and-pepper",
        title: "Salt and pepper",
        about: "single pixels turned black or white",
        add: salt_and_pepper,
    },
    Description {
        name: "speckle",
        title: "Speckle",
        about: "multiplied with the picture: none where it is black",
        add: speckle,
    },
    Description { name: "uniform", title: "Uniform", about: "evenly spread within fixed bounds", add: uniform },
    Description { name: "jpeg", title: "JPEG", about: "what JPEG compression loses", add: compression },
];

fn gaussian(picture: &mut Picture, sigma: f32, draws: Draws) {
    let noise = draws.normals(picture.values().len());
    picture.values_mut().iter_mut().zip(&noise).for_each(|(x, e)| *x += sigma * e);
}

fn speckle(picture: &mut Picture, sigma: f32, draws: Draws) {
    let noise = draws.normals(picture.values().len());
    picture.values_mut().iter_mut().zip(&noise).for_each(|(x, e)| *x += 2.0 * sigma * e * *x);
}

fn uniform(picture: &mut Picture, sigma: f32, draws: Draws) {
    let noise = draws.uniforms(picture.values().len());
    let half_width = sigma * 3.0_f32.sqrt();
    picture.values_mut().iter_mut().zip(&noise).for_each(|(x, u)| *x += half_width * (2.0 * u - 1.0));
}

fn salt_and_pepper(picture: &mut Picture, sigma: f32, draws: Draws) {
    let draws = draws.uniforms(picture.shape().height * picture.shape().width);
    let probability = 4.0 * sigma * sigma;
    for plane in picture.values_mut().chunks_exact_mut(draws.len().max(1)) {
        for (x, u) in plane.iter_mut().zip(&draws).filter(|(_, u)| **u < probability) {
            *x = if *u < probability.min(1.0) / 2.0 { 0.0 } else { 1.0 };
        }
    }
}

fn photons(picture: &mut Picture, sigma: f32, draws: Draws) {
    let draws = draws.open_uniforms(picture.values().len());
    let photons = 0.5 / f64::from(sigma).powi(2);
    picture.values_mut().par_iter_mut().zip(&draws).with_min_len(1 << 10).for_each(|(x, &u)| {
        *x = (poisson::quantile(photons * f64::from(x.max(0.0)), u) / photons) as f32;
    });
}

fn compression(picture: &mut Picture, sigma: f32, _draws: Draws) {
    *picture = jpeg::compressed(picture, jpeg::quality(sigma));
}

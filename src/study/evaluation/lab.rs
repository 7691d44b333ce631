//! What the lab says of a report's examples, as rows of figures.

use maud::{Markup, html};

use super::html::figure;
use super::looked::{Beneath, Bracketed, Looked, coloured};
use super::{Example, Examples};
use crate::Result;
use crate::study::lab::Estimate;
use crate::study::words::{number, percent_in_print, significant, whole_bits};
use crate::study::{level, ranked};

/// A row for each question that has an answer.
pub(super) fn rows(examples: &Examples) -> Result<Vec<(String, Vec<Markup>)>> {
    let mut rows = Vec::new();
    if let Some(sigma) = examples.sigma {
        beneath(examples, &level::describe(sigma), &mut rows)?;
    }
    clean(examples, &mut rows)?;
    Ok(rows.into_iter().filter(|(_, figures)| !figures.is_empty()).collect())
}

/// The examples about which the lab was asked.
fn of(examples: &Examples) -> impl Iterator<Item = (&Example, &Looked)> {
    examples.pictures.iter().filter_map(|example| Some((example, example.looked.as_ref()?)))
}

/// What is under the noise.
fn beneath(examples: &Examples, sigma: &str, rows: &mut Vec<(String, Vec<Markup>)>) -> Result<()> {
    let found = || of(examples).filter_map(|(example, looked)| Some((example, looked.beneath.as_ref()?)));
    let most = found().flat_map(|(_, Beneath { doubt: (map, _), .. })| map.values()).copied().fold(0.0, f32::max);
    let maps = found().map(|(example, Beneath { doubt: (map, classes), .. })| {
        figure(&coloured(map, most), &example.label, &html! { (percent_in_print(*classes)) " which class?" })
    });
    let title = format!(
        "Doubt about each pixel, σ = {sigma}, from 0 (black) to {} (yellow): a standard deviation",
        significant(most)
    );
    rows.push((title, maps.collect::<Result<_>>()?));
    for (way, sign) in [(0, "−"), (1, "+")] {
        let walked = found().filter_map(|(example, beneath)| {
            let (pictures, deviation) = beneath.component.as_ref()?;
            let words = html! { (sign) "2 × " (significant(*deviation as f32)) };
            Some(figure(&pictures[way], &example.label, &words))
        });
        let title = format!("What else could it be? D {sign} 2σ√λ v along the first component v of the posterior");
        rows.push((title, walked.collect::<Result<_>>()?));
    }
    let filters = found().filter_map(|(example, beneath)| {
        let filter = beneath.filter.as_ref()?;
        let (sum, width) = (significant(filter.sum as f32), number(filter.width, 1));
        let words = html! { "sum " (sum) br; (width) " pixels wide" };
        Some(figure(&Beneath::weights(filter), &example.label, &words))
    });
    let title = "What the middle pixel was made of: a row of J, weights below 0 blue, above it orange";
    rows.push((title.to_owned(), filters.collect::<Result<_>>()?));
    let noise = found().filter_map(|(example, beneath)| {
        let noise = beneath.noise.as_ref()?;
        let class = &examples.classes[ranked(&noise.classes())[0]];
        let words = html! {
            "σ " (number(noise.sigma * 255.0, 2)) "/255 ± " (number(100.0 * noise.deviation, 1)) " %" br; (class)
        };
        Some(figure(&Beneath::heat(noise), &example.label, &words))
    });
    let title = format!(
        "Noise and class, p(c, σ | y), where σ = {sigma} was added: classes across, noise levels around the likeliest up"
    );
    rows.push((title, noise.collect::<Result<_>>()?));
    let counted = found().filter_map(|(example, beneath)| {
        let (counts, noisy) = (beneath.counted.as_ref()?, example.noisy.as_ref()?);
        let shares: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
        let first: Vec<usize> = ranked(&shares).into_iter().take(2).filter(|class| counts[*class] > 0).collect();
        let words = html! { @for class in first { (counts[class]) " " (examples.classes[class]) br; } };
        Some(figure(&noisy.picture, &example.label, &words))
    });
    rows.push((
        "The posterior by counting: for what restorations drawn from p(x | y) are taken".to_owned(),
        counted.collect::<Result<_>>()?,
    ));
    let attacked = found().filter_map(|(example, beneath)| {
        let (after, moved) = beneath.attacked.as_ref()?;
        let [most, control] = moved.map(|moved| number(255.0 * moved, 1));
        let words = html! { "by " (most) "/255" br; "plain noise " (control) "/255" };
        Some(figure(after, &example.label, &words))
    });
    let title =
        "An attack on the denoiser: what is restored once the noisy picture is changed by L2 0.5 so that D moves most";
    rows.push((title.to_owned(), attacked.collect::<Result<_>>()?));
    let health = found().filter_map(|(example, beneath)| {
        let ((worst, times), noisy) = (beneath.health?, example.noisy.as_ref()?);
        let words = html! { span .wrong[times > 1.0] { (number(times, 2)) } br; (worst) };
        Some(figure(&noisy.picture, &example.label, &words))
    });
    let title =
        format!("Is this a density at σ = {sigma}? The worst residual in units of its limit: up to 1 all is well");
    rows.push((title, health.collect::<Result<_>>()?));
    Ok(())
}

/// What is asked of the clean picture.
fn clean(examples: &Examples, rows: &mut Vec<(String, Vec<Markup>)>) -> Result<()> {
    let of = || of(examples);
    let filled = of().map(|(example, looked)| figure(&looked.filled, &example.label, &html! { (example.label) }));
    rows.push(("The middle taken out and filled in from p(x | the rest)".to_owned(), filled.collect::<Result<_>>()?));
    let drawn = of().filter_map(|(example, looked)| {
        let words = html! { "as " (example.label) };
        looked.drawn.as_ref().map(|drawn| figure(drawn, &example.label, &words))
    });
    let title = "Drawn out of nothing as its class, by the stochastic ascent of log p";
    rows.push((title.to_owned(), drawn.collect::<Result<_>>()?));
    let turned = of().filter_map(|(example, looked)| {
        let (class, turned) = looked.turned.as_ref()?;
        let name = &examples.classes[*class];
        Some(match turned {
            Some(turned) => {
                let bits = turned.bits_lost.map(|bits| format!(", {}", whole_bits(-bits)));
                let words = html! { (name) " at L2 " (number(turned.distance, 2)) (bits.unwrap_or_default()) };
                figure(&turned.picture, &example.label, &words)
            }
            None => figure(&example.clean, &example.label, &html! { "not " (name) }),
        })
    });
    let title = "What would make it another class? The least change that the density tolerates, to the likeliest other class, with what it does to log p";
    rows.push((title.to_owned(), turned.collect::<Result<_>>()?));
    let evidence = of().filter_map(|(example, looked)| {
        let (softmax, denoisers) = looked.evidence?;
        let bits = |e: Estimate| format!("{} ± {}", number(e.value, 1), number(e.standard_error, 1));
        let words = html! { (bits(softmax)) " by the classifier" br; (bits(denoisers)) " by the denoisers" };
        Some(figure(&example.clean, &example.label, &words))
    });
    let evidence = evidence.collect::<Result<Vec<_>>>()?;
    rows.push(("Evidence for the true class, in bits".to_owned(), evidence));
    let bits = of().filter_map(|(example, looked)| {
        let bits = looked.bits?;
        let words = html! { (number(bits.value, 3)) " ± " (number(bits.standard_error, 3)) };
        Some(figure(&example.clean, &example.label, &words))
    });
    let bits = bits.collect::<Result<Vec<_>>>()?;
    rows.push(("Bits a value, an upper bound".to_owned(), bits));
    let brackets = || of().filter_map(|(example, looked)| Some((example, looked.bracket.as_ref()?)));
    let radii = brackets().map(|(example, bracket)| {
        let high = bracket.high.map_or("no attack found".to_owned(), |high| format!("attacked at {}", number(high, 2)));
        let words = html! { "proved to " (number(bracket.low, 2)) br; (high) };
        figure(&example.clean, &example.label, &words)
    });
    let radii = radii.collect::<Result<Vec<_>>>()?;
    if let Some((_, Bracketed { sigma, .. })) = brackets().next() {
        let sigma = level::describe(*sigma);
        rows.push((format!("Radius of the smoothed classifier, σ = {sigma}, in L2: from below and from above"), radii));
    }
    Ok(())
}

use super::*;

/// A row at σ that weighs so much.
fn part(cross_entropy: f32, score: f32) -> RowParts {
    RowParts { cross_entropy, score, ..RowParts::WHOLE }
}

#[test]
fn at_first_nothing_is_weighed() {
    let balance = Balance::default();
    let parts = [part(1.0, 2.0), part(0.0, 3.0)];
    assert_eq!(balance.weighed(&parts, &[0.01, 0.7]), parts);
    assert_eq!(balance.at(0.3), [0.0; 2]);
}

#[test]
fn the_step_follows_the_slope_of_the_loss() {
    // One step of Adam from zero moves every weight by the rate against its slope's sign, so that the loss falls by the rate times
    // the slopes' absolute sum; the slopes come from finite differences of the loss itself.
    let (parts, sigmas) = ([part(1.5, 0.0), part(0.5, 1.0), part(1.0, 2.0)], [0.02, 0.2, 0.8]);
    let lost =
        [(0.3, 0.0), (2.0, 0.6), (1.0, 4.0)].map(|(cross_entropy, score_error)| RowLoss { cross_entropy, score_error });
    let mut start = Balance::default();
    start.values[0].iter_mut().enumerate().for_each(|(i, weight)| *weight = 0.05 * ((i * 37 % 11) as f32 - 5.0));
    let loss = |balance: &Balance| -> f64 {
        let rows = parts.iter().zip(sigmas).zip(lost);
        let terms = rows.map(|((part, sigma), lost)| {
            let [c, s] = balance.at(sigma);
            f64::from(part.cross_entropy) * (lost.cross_entropy * (-c).exp() + c)
                + f64::from(part.score) * (lost.score_error * (-s).exp() + s)
        });
        terms.sum::<f64>() / 3.0
    };
    let mut stepped = start.clone();
    let told = stepped.step(&parts, &sigmas, &lost, 1e-3, 1);
    assert!((told.cross_entropy + told.score_error - loss(&start)).abs() < 1e-9);
    for index in 0..2 * FEATURES {
        let at = |change: f32| {
            let mut moved = start.clone();
            moved.values[0][index] += change;
            loss(&moved)
        };
        let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
        let moved = stepped.values[0][index] - start.values[0][index];
        if slope.abs() > 1e-3 {
            assert!((f64::from(moved) + 1e-3 * slope.signum()).abs() < 1e-5, "{index}: {moved} along {slope}");
            assert!((f64::from(stepped.values[1][index]) - 0.1 * slope).abs() < 1e-3 * slope.abs() + 1e-5, "{index}");
        }
    }
}

#[test]
fn exp_u_becomes_the_mean_loss_of_each_level() {
    let mut balance = Balance::default();
    // Losses that change with σ as those of a network do, and one part that trains on some rows only.
    let truth = |sigma: f32| [0.05 + 2.0 * f64::from(sigma), 0.9 - 0.7 * f64::from(sigma)];
    for step in 1..=3000 {
        let sigmas: Vec<f32> = (0..16).map(|i| 0.01 * 80_f32.powf(((i * 7 + step * 3) % 16) as f32 / 15.0)).collect();
        let lost: Vec<RowLoss> = sigmas
            .iter()
            .enumerate()
            .map(|(i, &sigma)| {
                let [cross_entropy, score_error] = truth(sigma);
                // Half and three halves in turn: the mean counts.
                let noise = if (i + step / 16) % 2 == 0 { 0.5 } else { 1.5 };
                RowLoss { cross_entropy: cross_entropy * noise, score_error: score_error * (2.0 - noise) }
            })
            .collect();
        let parts: Vec<RowParts> = (0..16).map(|i| part(1.0, if i < 12 { 16.0 / 12.0 } else { 0.0 })).collect();
        let rate = 0.02 * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / 3000.0).cos());
        balance.step(&parts, &sigmas, &lost, rate, step as u64);
    }
    for sigma in [0.01, 0.05, 0.2, 0.6] {
        for (u, truth) in balance.at(sigma).into_iter().zip(truth(sigma)) {
            assert!((u.exp() / truth - 1.0).abs() < 0.12, "exp({u}) at {sigma}, not {truth}");
        }
    }
}

#[test]
fn a_state_brings_it_back_to_the_bit() {
    let mut balance = Balance::default();
    let lost = [RowLoss { cross_entropy: 0.4, score_error: 0.2 }];
    balance.step(&[part(1.0, 1.0)], &[0.1], &lost, 0.01, 1);
    let mut state = State::new();
    balance.add_to(&mut state);
    let mut again = Balance::default();
    again.restore(&state).unwrap();
    assert_eq!((again.at(0.1), again.values.clone()), (balance.at(0.1), balance.values.clone()));
    state.remove("balance/first");
    assert!(again.restore(&state).unwrap_err().to_string().contains("balance/first is missing"));
}

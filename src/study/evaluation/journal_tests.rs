//! Evaluations that were stopped go on from their journals.

use super::*;

#[test]
fn an_evaluation_that_is_stopped_again_and_again_ends_with_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (model, own, other) = (oracle(), samples(None), shades(&[("class 0", 0.5), ("class 1", 0.6)]));
    let whole = evaluate(&model, &own, Some(&other), &everything(), &Cancel::new(), &mut |_| ()).unwrap();
    let (mut stops, mut reached, mut done) = (0, 0, false);
    for round in 0..100 {
        // Batches of other sizes too: they are no part of what is measured.
        let plan = Plan { batch: 1 + round % 4, ..everything() };
        let mut journal = if round == 0 { Journal::create(&path) } else { Journal::resume(&path) }.unwrap();
        let (cancel, before) = (Cancel::new(), reached);
        let ended = evaluate_from(&mut journal, &model, &own, Some(&other), &plan, &cancel, &mut |step| {
            reached = step.done;
            if step.done > before + 2 {
                cancel.raise();
            }
        });
        match ended {
            Err(Error::Cancelled) => stops += 1,
            ended => {
                assert_eq!(ended.unwrap(), whole);
                done = true;
                break;
            }
        }
    }
    assert!(done && stops > 5, "{stops} stops");
}

/// The evaluation, and how much of it was measured before, going on from the journal at `path`.
fn resumed(path: &Path, model: &GaussianMixture, samples: &Samples, plan: &Plan) -> Result<(Evaluation, usize)> {
    let mut journal = Journal::resume(path)?;
    let evaluation = evaluate_from(&mut journal, model, samples, None, plan, &Cancel::new(), &mut |_| ())?;
    Ok((evaluation, journal.reused()))
}

#[test]
fn another_plan_takes_over_what_it_has_in_common_and_ends_as_if_it_had_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let few = Plan { sigmas: vec![0.3], attacks: everything().attacks[..2].to_vec(), ..everything() };
    let shade = |index: usize| [("class 0", 0.2), ("class 1", 0.8)][index % 2];
    let some = shades(&[shade(0), shade(2), shade(1)]);
    let mut journal = Journal::create(&path).unwrap();
    evaluate_from(&mut journal, &oracle(), &some, None, &few, &Cancel::new(), &mut |_| ()).unwrap();
    let goes_on = |model: &GaussianMixture, samples: &Samples, plan: &Plan| {
        let kept = folder.path().join("copy");
        std::fs::copy(&path, &kept).unwrap();
        let (evaluation, reused) = resumed(&kept, model, samples, plan)?;
        assert_eq!(evaluation, evaluate(model, samples, None, plan, &Cancel::new(), &mut |_| ()).unwrap());
        Ok::<usize, Error>(reused)
    };
    // Two kinds of noise, two attacks and a certificate on three pictures each, whatever else there is to do.
    assert_eq!(goes_on(&oracle(), &some, &few).unwrap(), 15);
    assert_eq!(goes_on(&oracle(), &some, &everything()).unwrap(), 15);
    let alpha = Plan { certify: CertifyPlan { alpha: 0.3, ..few.certify.clone() }, ..few.clone() };
    assert_eq!(goes_on(&oracle(), &some, &alpha).unwrap(), 15, "votes are votes whatever is concluded from them");
    let steps = Plan { attacks: vec!["pgd:l2:1:steps=4".parse().unwrap()], ..few.clone() };
    assert_eq!(goes_on(&oracle(), &some, &steps).unwrap(), 9);
    // Of more pictures those with the same numbers and bytes are known: the first two here.
    let more = shades(&[shade(0), shade(2), shade(4), shade(1)]);
    assert_eq!(goes_on(&oracle(), &more, &Plan { certify: CertifyPlan::default(), ..few.clone() }).unwrap(), 8);
    // Nothing in common: another seed, another model, other pictures.
    let near = oracle().with(0, 0.5, vec![0.3; SHAPE.len()], 1e-4);
    let others = shades(&[("class 0", 0.21), ("class 0", 0.22), ("class 1", 0.81)]);
    for wrong in [
        goes_on(&oracle(), &some, &Plan { seed: 9, ..few.clone() }),
        goes_on(&near, &some, &few),
        goes_on(&oracle(), &others, &few),
    ] {
        assert!(wrong.unwrap_err().to_string().contains("nothing of this evaluation"));
    }
}

#[test]
fn a_journal_with_numbers_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let plan = Plan { attacks: everything().attacks[1..2].to_vec(), ..everything() };
    let mut journal = Journal::create(&path).unwrap();
    evaluate_from(&mut journal, &oracle(), &samples(None), None, &plan, &Cancel::new(), &mut |_| ()).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let huge = u64::MAX.to_string();
    let number = |name: &str, value: &str| {
        let at = whole.find(&format!("\"{name}\":")).unwrap() + name.len() + 3;
        let end = at + whole[at..].find([',', '}', ']']).unwrap();
        format!("{}{value}{}", &whole[..at], &whole[end..])
    };
    let infinite = f64::INFINITY.to_bits().to_string();
    for (name, value) in [
        ("confidence", &*huge),
        ("confidence", "-1"),
        ("log_density", &infinite),
        ("size", &huge),
        ("class", "2"),
        ("class", &huge),
        ("votes", &format!("[{huge}")),
        ("selection", "[0"),
        ("right", "1e30"),
    ] {
        std::fs::write(&path, number(name, value)).unwrap();
        let error = resumed(&path, &oracle(), &samples(None), &plan).unwrap_err().to_string();
        assert!(error.contains("makes no sense") && !error.contains('\n'), "{name} {value}: {error}");
    }
}

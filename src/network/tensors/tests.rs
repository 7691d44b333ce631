//! The layers' pullbacks against finite differences, and the training gradient through them, in double precision.

use candle_core::{DType, Device, Result, Tensor, Var};

use super::convolution::Convolution;
use super::layers::{Activation, Block, Head, Linear, Readout, pull_convolution};
use super::{Graph, Place};
use crate::network::tests::{Draw, STEMS, random_checkpoint};
use crate::program::TensorId;

impl Draw {
    fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let values = self.values(shape.iter().product());
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap()
    }

    fn linear(&mut self, output: usize, input: usize) -> Linear {
        Linear { weight: (self.tensor(&[output, input]) * 0.3).unwrap(), bias: self.tensor(&[output]) }
    }

    fn activation(&mut self, channels: usize, embedding: usize, group: usize) -> Activation {
        Activation { film: self.linear(2 * channels, embedding), group }
    }
}

fn dot(a: &Tensor, b: &Tensor) -> f64 {
    (a * b).unwrap().sum_all().unwrap().to_scalar().unwrap()
}

/// Holds `pullback` against central differences: `⟨pullback(g), d⟩ = d/dt ⟨f(x + td), g⟩` for random g and d.
fn check_pullback(
    draw: &mut Draw,
    input: &[usize],
    forward: impl Fn(&Tensor) -> Result<Tensor>,
    pullback: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) {
    let x = draw.tensor(input);
    let g = draw.tensor(forward(&x).unwrap().dims());
    let d = draw.tensor(input);
    let step = 1e-5;
    let at = |t: f64| forward(&(&x + (&d * t).unwrap()).unwrap()).unwrap();
    let expected = dot(&((at(step) - at(-step)).unwrap() / (2.0 * step)).unwrap(), &g);
    let found = dot(&pullback(&x, &g).unwrap(), &d);
    assert!((found - expected).abs() < 1e-7 * (1.0 + expected.abs()), "pullback {found}, differences {expected}");
}

#[test]
fn convolution_pullbacks_match_finite_differences() {
    for (kernel, stride, height, width) in
        [(3, 1, 5, 6), (3, 2, 6, 5), (3, 2, 1, 1), (4, 2, 6, 8), (4, 2, 5, 7), (4, 2, 1, 2), (3, 1, 1, 1)]
    {
        let mut draw = Draw(0);
        let conv = Convolution::new(draw.tensor(&[4, 3, kernel, kernel]), stride).unwrap();
        let output = conv.forward(&draw.tensor(&[2, 3, height, width])).unwrap();
        assert_eq!(output.dims(), [2, 4, height.div_ceil(stride), width.div_ceil(stride)]);
        let pullback = |_: &Tensor, g: &Tensor| conv.pullback(g, (height, width));
        check_pullback(&mut draw, &[2, 3, height, width], |x| conv.forward(x), pullback);
    }
}

#[test]
fn convolution_weight_gradients_match_finite_differences() {
    for (kernel, stride, height, width) in [(3, 1, 5, 6), (3, 2, 6, 5), (4, 2, 6, 8), (4, 2, 5, 7)] {
        let mut draw = Draw(40);
        let shape = [4, 3, kernel, kernel];
        let x = draw.tensor(&[2, 3, height, width]);
        let g = draw.tensor(&[2, 4, height.div_ceil(stride), width.div_ceil(stride)]);
        let conv = |w: &Tensor| Convolution::new(w.clone(), stride);
        let gradient = |w: &Tensor, loss: &dyn Fn(&Convolution) -> Result<Tensor>| -> Result<Tensor> {
            let w = Var::from_tensor(w)?;
            let loss = loss(&Convolution::new(w.as_tensor().clone(), stride)?)?;
            Ok(loss.backward()?.get(&w).unwrap().clone())
        };
        let forward_loss = |c: &Convolution| (c.forward(&x)? * &g)?.sum_all();
        let pullback_loss = |c: &Convolution| (c.pullback(&g, (height, width))? * &x)?.sum_all();
        check_pullback(
            &mut draw,
            &shape,
            |w| forward_loss(&conv(w)?),
            |w, s| gradient(w, &forward_loss)?.broadcast_mul(s),
        );
        check_pullback(
            &mut draw,
            &shape,
            |w| pullback_loss(&conv(w)?),
            |w, s| gradient(w, &pullback_loss)?.broadcast_mul(s),
        );
    }
}

#[test]
fn layer_pullbacks_match_finite_differences() {
    let mut draw = Draw(80);
    let shape = [2, 8, 3, 5];
    let lone = |g: &Tensor| g.unsqueeze(1);
    let embedding = draw.tensor(&[2, 6]);
    let act = draw.activation(8, 6, 4);
    check_pullback(
        &mut draw,
        &shape,
        |x| Ok(act.forward(x, &embedding)?.0),
        |x, g| act.forward(x, &embedding)?.1.pullback(&lone(g)?)?.squeeze(1),
    );
    let halves = [(); 2].map(|()| {
        let conv = (draw.tensor(&[8, 8, 3, 3]) * 0.2).unwrap();
        (draw.activation(8, 6, 4), Convolution::new(conv, 1).unwrap())
    });
    let block = Block { halves };
    check_pullback(
        &mut draw,
        &shape,
        |x| Ok(block.forward(x, &embedding)?.0),
        |x, g| block.pullback(&block.forward(x, &embedding)?.1, &lone(g)?)?.squeeze(1),
    );
    let readout = Readout { p: draw.tensor(&[8, 8]), q: draw.tensor(&[8, 8]), gamma: draw.linear(8, 6) };
    check_pullback(
        &mut draw,
        &shape,
        |x| Ok(readout.forward(x, &embedding)?.0),
        |x, g| {
            let gradient = readout.gradient(&readout.forward(x, &embedding)?.1)?.squeeze(1)?;
            gradient.broadcast_mul(&g.reshape((2, 1, 1, 1))?)
        },
    );
    let head = Head { activation: draw.activation(8, 6, 8), linear: draw.linear(5, 8) };
    check_pullback(
        &mut draw,
        &shape,
        |x| Ok(head.forward(x, &embedding)?.0),
        |x, g| head.pullback(&head.forward(x, &embedding)?.1, &lone(g)?)?.squeeze(1),
    );
}

#[test]
fn the_training_gradient_through_the_pullback_matches_finite_differences() {
    let checkpoint = random_checkpoint(STEMS[0], 1);
    let device = Device::Cpu;
    let mut draw = Draw(970);
    let noisy = draw.tensor(&[2, 1, 6, 5]);
    let sigmas = Tensor::new(&[0.1_f64, 0.6], &device).unwrap();
    let target = draw.tensor(&[2, 1, 1, 6, 5]);
    let program = checkpoint.description.program();
    let loss = |tensor: &dyn Fn(TensorId) -> Result<Tensor>| -> Result<Tensor> {
        let graph = Graph::new(&program, &Place::double(), tensor)?;
        let forward = graph.forward(&noisy, &sigmas)?;
        let posterior = candle_nn::ops::softmax(&forward.logits, 1)?;
        let score = forward.pullback(&Tensor::ones((2, 1), DType::F64, &device)?, &posterior.unsqueeze(1)?)?;
        (score - &target)?.sqr()?.sum_all()? + forward.energy.sqr()?.sum_all()?
    };
    let double = |id: TensorId| {
        let values = &checkpoint.tensors[&program.tensors[id].name];
        Place::double().tensor(&values.values, &values.shape)
    };
    for (id, spec) in program.tensors.iter().enumerate() {
        let name = &spec.name;
        let var = Var::from_tensor(&double(id).unwrap()).unwrap();
        let swapped = |t: &Tensor| loss(&|other| if other == id { Ok(t.clone()) } else { double(other) });
        let gradient = swapped(&var).unwrap().backward().unwrap().get(&var).unwrap().clone();
        let direction = draw.tensor(var.dims());
        let at = |t: f64| -> f64 {
            swapped(&(var.as_tensor() + (&direction * t).unwrap()).unwrap().detach()).unwrap().to_scalar().unwrap()
        };
        let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
        let found = dot(&gradient, &direction);
        assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{name}: {found}, differences {expected}");
    }
}

#[test]
fn cotangents_of_several_pictures_do_not_mix() {
    let mut draw = Draw(990);
    let conv = Convolution::new(draw.tensor(&[4, 3, 3, 3]), 2).unwrap();
    let g = draw.tensor(&[2, 3, 4, 3, 2]);
    let all = pull_convolution(&conv, &g, (5, 4)).unwrap();
    let one = pull_convolution(&conv, &g.narrow(0, 1, 1).unwrap().narrow(1, 2, 1).unwrap(), (5, 4)).unwrap();
    let part = all.narrow(0, 1, 1).unwrap().narrow(1, 2, 1).unwrap();
    assert!(dot(&(&part - &one).unwrap(), &(&part - &one).unwrap()) < 1e-20);
}

/// Single precision against double: values, pullbacks and the training gradient through both.
#[test]
fn single_precision_agrees_with_double() {
    for (stem, channels, shape) in
        [(STEMS[0], 1, [3, 1, 7, 6]), (STEMS[1], 3, [9, 3, 5, 4]), (STEMS[0], 3, [2, 3, 8, 8])]
    {
        let checkpoint = random_checkpoint(stem, channels);
        let run = |dtype: DType| {
            let mut draw = Draw(2000);
            let device = Device::Cpu;
            let tensor = |t: Tensor| t.to_dtype(dtype).unwrap();
            let noisy = tensor(draw.tensor(&shape));
            let sigmas = (0..shape[0]).map(|i| 0.05 + 0.1 * i as f64);
            let sigmas = tensor(Tensor::from_iter(sigmas, &device).unwrap());
            let vars: std::collections::BTreeMap<_, _> = checkpoint
                .tensors
                .iter()
                .map(|(name, v)| {
                    let t = Tensor::from_slice(&v.values, v.shape.as_slice(), &device).unwrap();
                    (name.clone(), Var::from_tensor(&tensor(t)).unwrap())
                })
                .collect();
            let program = checkpoint.description.program();
            let place = Place { device, dtype };
            let var = |id: TensorId| Ok(vars[&program.tensors[id].name].as_tensor().clone());
            let graph = Graph::new(&program, &place, var).unwrap();
            let pass = graph.forward(&noisy, &sigmas).unwrap();
            let weights = tensor(draw.tensor(&[shape[0], 2, 3]));
            let score = pass.pullback(&weights.sum(2).unwrap(), &weights).unwrap();
            let target = tensor(draw.tensor(score.dims()));
            let loss = (&score * &target).unwrap().sum_all().unwrap();
            let rest = (pass.logits.sqr().unwrap().sum_all().unwrap() + pass.energy.sum_all().unwrap()).unwrap();
            let gradients = (loss + rest).unwrap().backward().unwrap();
            let mut all = vec![("score".to_owned(), score.clone()), ("logits".to_owned(), pass.logits.clone())];
            all.extend(vars.iter().map(|(n, v)| (n.clone(), gradients.get(v).unwrap().clone())));
            all.into_iter()
                .map(|(n, t)| (n, t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()))
                .collect::<Vec<_>>()
        };
        for ((name, single), (_, double)) in run(DType::F32).into_iter().zip(run(DType::F64)) {
            let scale = double.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            for (a, b) in single.iter().zip(&double) {
                assert!((a - b).abs() < 2e-4 * scale, "{name}: {a} {b} of {scale}");
            }
        }
    }
}

//! The program against what checkpoints have held since the first one.

use super::*;

fn program(architecture: &Architecture) -> Program {
    let pictures =
        Pictures { channels: 3, classes: 10, mean: vec![0.5; 3], deviation: 0.25, sigma_range: (0.005, 1.0) };
    Program::new(architecture, pictures)
}

/// What the last tensors and a few between them are called, how large they are, how they start and how they are trained.
#[test]
fn tensors_are_those_of_the_checkpoints() {
    let program = program(&Architecture::compact());
    let names: Vec<&str> = program.tensors.iter().map(|t| t.name.as_str()).collect();
    let first = ["stem.weight", "sigma.1.weight", "sigma.1.bias", "sigma.2.weight", "sigma.2.bias"];
    assert_eq!(names[..5], first);
    let block = ["film1.weight", "film1.bias", "conv1.weight", "film2.weight", "film2.bias", "conv2.weight"];
    assert!(names[5..11].iter().zip(block).all(|(name, end)| *name == format!("stages.0.blocks.0.{end}")));
    assert_eq!(
        names[names.len() - 4..],
        ["head.film.weight", "head.film.bias", "head.linear.weight", "head.linear.bias"]
    );
    let spec = |name: &str| program.tensors.iter().find(|t| t.name == name).unwrap();
    let expected: [(&str, &[usize], Start, Rule); 9] = [
        ("stem.weight", &[48, 3, 4, 4], Start::Normal, Rule::AdamW),
        ("sigma.1.weight", &[64, 17], Start::Normal, Rule::AdamW),
        ("stages.1.down.weight", &[96, 48, 3, 3], Start::Normal, Rule::Muon),
        ("stages.0.blocks.1.conv2.weight", &[48, 48, 3, 3], Start::Normal, Rule::Muon),
        ("stages.0.blocks.1.film2.weight", &[96, 64], Start::Zero, Rule::AdamW),
        ("stages.2.readout.q.weight", &[192, 192], Start::Normal, Rule::Muon),
        ("stages.0.readout.gamma.weight", &[48, 64], Start::Zero, Rule::AdamW),
        ("head.linear.weight", &[10, 192], Start::Normal, Rule::AdamW),
        ("head.linear.bias", &[10], Start::Zero, Rule::Plain),
    ];
    for (name, shape, start, rule) in expected {
        let found = spec(name);
        assert_eq!((found.shape.as_slice(), found.start, found.rule), (shape, start, rule), "{name}");
    }
}

#[test]
fn layers_name_their_own_tensors() {
    let program = program(&Architecture::gradresnet18());
    let name = |id: TensorId| program.tensors[id].name.as_str();
    let Trunk::Stages(trunk) = &program.trunk else { panic!("stages") };
    let stage = &trunk.stages[2];
    assert_eq!(name(stage.down.unwrap().weight), "stages.2.down.weight");
    let half = stage.blocks[1].halves[1];
    assert_eq!(name(half.convolution.weight), "stages.2.blocks.1.conv2.weight");
    assert_eq!(name(program.films[half.film].affine.bias), "stages.2.blocks.1.film2.bias");
    assert_eq!(name(stage.readout.p), "stages.2.readout.p.weight");
    assert_eq!(name(program.films[stage.readout.gamma].affine.weight), "stages.2.readout.gamma.weight");
    assert_eq!(name(trunk.head.linear.weight), "head.linear.weight");
    assert_eq!(
        program.films.iter().map(|f| f.kind.rows() * f.channels).sum::<usize>(),
        64 * 9 + 128 * 9 + 256 * 9 + 512 * 11
    );
}

#[test]
fn a_row_of_the_film_has_activations_first_and_no_overlap() {
    let program = program(&Architecture {
        widths: vec![8, 24],
        blocks: vec![1, 0],
        strides: vec![1, 2],
        ..Architecture::compact()
    });
    let layout = program.film_layout(16);
    // Two halves of 8 channels, the head of 24, γ of 8 and of 24; each run padded to a multiple of 16.
    assert_eq!(layout.order, [0, 1, 4, 2, 3]);
    assert_eq!(layout.starts, [0, 32, 128, 144, 64]);
    assert_eq!(layout.row, 176);
}

#[test]
fn weights_are_found_by_name_and_held_against_their_shapes() {
    let program = program(&Architecture::compact());
    let zeros = vec![0.0; 2 << 20];
    let length = |name: &str| program.tensors.iter().find(|t| t.name == name).map(TensorSpec::len);
    let whole = program.weights(|name| Some(&zeros[..length(name)?])).unwrap();
    assert_eq!(whole.iter().map(|w| w.len()).sum::<usize>(), program.parameter_count());
    assert!(program.check(&whole).is_ok());
    let missing = program.weights(|name| (name != "stem.weight").then(|| &zeros[..length(name).unwrap()]));
    assert_eq!(missing.unwrap_err(), "tensor stem.weight is missing");
    let short = program.weights(|name| Some(&zeros[..length(name)? - usize::from(name == "sigma.2.bias")]));
    assert_eq!(short.unwrap_err(), "tensor sigma.2.bias has 63 values, not those of [64]");
    assert!(program.check(&whole[1..]).is_err());
    let mut turned = whole;
    turned.swap(0, 1);
    assert!(program.check(&turned).unwrap_err().contains("stem.weight"));
}

#[test]
fn the_public_gradresnet_has_the_size_that_is_known_of_it() {
    let program = program(&Architecture::pooled18());
    let Trunk::Graph(graph) = &program.trunk else { panic!("a graph") };
    let name = |id: TensorId| program.tensors[id].name.as_str();
    // Convolutions, 1×1 shortcuts among them, and the maps to half of the means of 64, 128 and 256 channels.
    let convolutions: usize = program.tensors.iter().filter(|t| t.shape.len() == 4).map(TensorSpec::len).sum();
    assert_eq!(convolutions, 11_159_232);
    let sides = program.tensors.iter().filter(|t| t.name.contains(".side.")).map(TensorSpec::len).sum::<usize>();
    assert_eq!(sides, 64 * 32 + 32 + 128 * 64 + 64 + 256 * 128 + 128);
    assert_eq!(graph.features.linear.inputs, 736);
    assert_eq!(name(graph.features.linear.weight), "head.linear.weight");
    assert_eq!(program.embedding.features(), 64);
    let gains: usize = program.films.iter().map(|film| film.channels).sum();
    assert_eq!(gains, 2 * (64 + 128 + 256 + 512) + 128 + 256 + 512);
    assert_eq!(graph.values.len(), graph.nodes.len() + 1);
    for (node, spec) in graph.nodes.iter().enumerate() {
        assert!(spec.inputs.iter().all(|&input| input <= node), "a layer reads what comes before it");
        assert_eq!(graph.values[node + 1], spec.layer.form(&graph.inputs(node)));
    }
    assert_eq!(graph.values[graph.nodes.len() - 3].stride, Some(8), "the last stage's picture");
}

#[test]
fn a_description_names_its_family_where_it_is_not_the_first() {
    let json = |architecture: &Architecture| serde_json::to_value(architecture).unwrap();
    assert!(json(&Architecture::compact()).get("family").is_none());
    assert_eq!(json(&Architecture::pooled18())["family"], "pooled");
    let read: Architecture = serde_json::from_value(json(&Architecture::pooled_thin())).unwrap();
    assert_eq!(read, Architecture::pooled_thin());
    assert!(Architecture::pooled18().check().is_ok() && Architecture::pooled_thin().check().is_ok());
    let odd =
        Architecture { group: 3, widths: vec![33], blocks: vec![1], strides: vec![1], ..Architecture::pooled18() };
    assert!(odd.check().is_err());
    assert!(Architecture { blocks: vec![1, 0, 1], ..Architecture::pooled_thin() }.check().is_err());
}

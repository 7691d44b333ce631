//! The trunk of any layers: a walk over the program's graph, layer by layer.

mod forward;
mod pullback;
mod route;

use super::device::{Buffer, Gpu};
use super::film::Film;
use super::filter::padded;
use super::forward::{Memory, Norm};
use super::network::{self, Layer, Trunk};
use super::plan::Plan;
use super::pullback::Room;
use super::stages::both_ways;
use crate::engine::Size;
use crate::program::{self, Form, LayerGraph, Program, ValueId};
use route::Route;

/// The network with this trunk.
type Network = network::Network<Graph>;

/// A layer on the device.
#[derive(Debug)]
enum Node {
    Convolution(Box<Layer>),
    Gelu,
    /// Channels in a group, and where the gains begin in a row of the film.
    Norm {
        group: usize,
        film: usize,
    },
    Sum,
    Mean,
    Linear(Linear),
}

/// A linear function of rows.
#[derive(Debug)]
struct Linear {
    inputs: usize,
    outputs: usize,
    /// `[inputs, outputs]`, `[outputs]` and `[outputs, padded inputs]`
    weights: [Buffer; 3],
}

/// All layers, and the read-out.
#[derive(Debug)]
pub struct Graph {
    program: LayerGraph,
    nodes: Vec<Node>,
    /// The way of its cotangents.
    route: Route,
    logits: Linear,
}

/// What a forward pass leaves for the pullback.
#[derive(Debug)]
pub struct Activations {
    /// Every value of the graph.
    values: Vec<Buffer>,
    /// Every norm's statistics, and where each node's begin, in pairs.
    stats: Buffer,
    stats_at: Vec<usize>,
    /// φ, a row a picture.
    features: Buffer,
    /// Scratch: a norm's partial sums.
    parts: Buffer,
}

impl Node {
    /// A layer, if there are kernels for its type: one that has none yet still runs on the processor.
    fn new(gpu: &Gpu, layer: &program::Layer, film: &Film, weights: &[&[f32]]) -> Option<Self> {
        use program::Layer as L;
        if let L::Convolution(convolution) | L::Pointwise(convolution) = layer {
            return Some(Self::Convolution(Box::new(Layer::of(gpu, convolution, weights))));
        }
        if let L::Norm(norm) = layer {
            return Some(Self::Norm { group: norm.group, film: film.starts[norm.film] });
        }
        if let L::Linear(affine) = layer {
            return Some(Self::Linear(Linear::new(gpu, affine, weights)));
        }
        let plain = [(L::Gelu, Self::Gelu), (L::Sum, Self::Sum), (L::Mean, Self::Mean)];
        plain.into_iter().find_map(|(of, node)| (of == *layer).then_some(node))
    }
}

impl Linear {
    fn new(gpu: &Gpu, affine: &program::Affine, weights: &[&[f32]]) -> Self {
        let program::Affine { weight, bias, inputs, outputs } = *affine;
        let [transposed, adjoint] = both_ways(weights[weight], inputs, outputs);
        Self { inputs, outputs, weights: [gpu.filled(&transposed), gpu.filled(weights[bias]), gpu.filled(&adjoint)] }
    }
}

impl Trunk for Graph {
    type Program = LayerGraph;
    type Activations = Activations;

    fn of(program: &Program) -> Option<&LayerGraph> {
        match &program.trunk {
            program::Trunk::Graph(graph) => Some(graph),
            program::Trunk::Stages(_) => None,
        }
    }

    fn build(gpu: &Gpu, graph: &LayerGraph, film: &Film, weights: &[&[f32]]) -> Option<Self> {
        Some(Self {
            nodes: graph.nodes.iter().map(|node| Node::new(gpu, &node.layer, film, weights)).collect::<Option<_>>()?,
            logits: Linear::new(gpu, &graph.features.linear, weights),
            route: Route::new(graph),
            program: graph.clone(),
        })
    }

    fn activations(network: &Network, count: usize, size: Size) -> (Activations, usize) {
        let (gpu, graph) = (&*network.gpu, &network.trunk);
        let (mut stats_at, mut pairs) = (Vec::new(), 0);
        for norm in network.norms(size) {
            stats_at.push(pairs);
            // Each picture's groups, then each picture's scale.
            pairs += norm.map_or(0, |norm| count * (norm.channels / norm.size + 1));
        }
        let values = (0..graph.program.values.len()).map(|value| gpu.room(count * network.dense(value, size)));
        let activations = Activations {
            values: values.collect(),
            stats: gpu.room(2 * pairs),
            stats_at,
            features: gpu.room(count * graph.logits.width()),
            parts: gpu.room(2 * network.part_pairs(count, size)),
        };
        (activations, 1)
    }

    fn slices(network: &Network, rows: usize, size: Size) -> usize {
        network.layers(size).map(|(layer, size)| layer.slices(rows, size)).max().unwrap_or_default()
    }

    fn forward(network: &Network, m: &Memory, activations: &Activations, energy: bool) -> Plan {
        network.forward_plan(m, activations, energy)
    }

    fn gradient(network: &Network, _: &Memory, _: &Activations) -> Plan {
        super::plan::Draft::new(&network.gpu).finish()
    }

    fn pullback(network: &Network, m: &Memory, activations: &Activations, room: &Room) -> Plan {
        network.pullback_plan(m, activations, room)
    }

    fn largest(network: &Network, size: Size) -> usize {
        let values = (0..network.trunk.program.values.len()).map(|value| network.dense(value, size));
        values.max().unwrap_or_default().max(4 * size.0 * size.1)
    }

    fn operations(network: &Network, size: Size) -> f64 {
        network.layers(size).map(|(layer, size)| layer.operations(size)).sum()
    }

    fn bytes(network: &Network, size: Size) -> (u64, u64) {
        let values: usize = (0..network.trunk.program.values.len()).map(|value| network.dense(value, size)).sum();
        let slots: usize = network.trunk.route.slots.iter().map(|form| network.of_form(form, size)).sum();
        let more = 2 * Self::largest(network, size) + 8 * size.0 * size.1;
        (4 * (values + more) as u64, 4 * (slots + more) as u64)
    }
}

impl Linear {
    /// Values of a padded row of inputs.
    fn width(&self) -> usize {
        padded(self.inputs)
    }
}

impl Network {
    /// Lines and columns of a value for pictures of `size`.
    fn value_size(&self, value: ValueId, size: Size) -> Size {
        self.trunk.program.values[value].size(self.stem_size(size))
    }

    /// Values, with their padding, of a form for a picture of `size`.
    fn of_form(&self, form: &Form, size: Size) -> usize {
        let (height, width) = form.size(self.stem_size(size));
        height * width * padded(form.channels)
    }

    /// [`Self::of_form`] of a value of the graph.
    fn dense(&self, value: ValueId, size: Size) -> usize {
        self.of_form(&self.trunk.program.values[value], size)
    }

    /// Every convolution behind the stem, with the size of what it reads.
    fn layers(&self, size: Size) -> impl Iterator<Item = (&Layer, Size)> {
        let nodes = self.trunk.nodes.iter().zip(&self.trunk.program.nodes);
        nodes.filter_map(move |(node, of)| match node {
            Node::Convolution(layer) => Some((&**layer, self.value_size(of.inputs[0], size))),
            _ => None,
        })
    }

    /// For every node, if it is a norm, what its parameters begin with, without the place of its statistics.
    fn norms(&self, size: Size) -> impl Iterator<Item = Option<Norm>> {
        let nodes = self.trunk.nodes.iter().zip(&self.trunk.program.nodes);
        nodes.map(move |(node, of)| match *node {
            Node::Norm { group, film } => {
                let (height, width) = self.value_size(of.inputs[0], size);
                let channels = self.trunk.program.values[of.inputs[0]].channels;
                Some(Norm { pixels: height * width, channels, size: group, film, stats: 0 })
            }
            _ => None,
        })
    }

    /// Pairs of partial sums that any norm over `rows` rows takes.
    fn part_pairs(&self, rows: usize, size: Size) -> usize {
        let pairs = self.norms(size).flatten().map(|norm| rows * (norm.channels / norm.size) * norm.blocks().1);
        pairs.max().unwrap_or_default()
    }
}

/// Workgroups of 256 threads for so many values: a device numbers 65535, and the kernels go round.
fn workgroups(values: usize) -> [u32; 3] {
    [values.div_ceil(256).min(65_535) as u32, 1, 1]
}

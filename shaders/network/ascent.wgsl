// What steps of projected gradient ascent need besides the network's passes, so that pictures stay on the device between them:
// the network's input from planar pictures, the cotangents of the cross-entropy from the logits, and the step.

struct Standard {
    mean: vec4<f32>,
    pixels: u32,
    // Colour channels.
    channels: u32,
    // 1/√(σ_d² + σ²)
    rate: f32,
    unused: u32,
}

struct Opposed {
    classes: u32,
    // Where this step's logits go, in values.
    at: u32,
    unused_0: u32,
    unused_1: u32,
}

struct Move {
    // Values of a picture.
    values: u32,
    // Where this step's pictures go, in values, and its slopes.
    at: u32,
    slope: u32,
    // 0: along the signs of the gradient; 1: along the gradient, within the radius.
    straight: u32,
    length: f32,
    radius: f32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> standard: Standard;
@group(0) @binding(0) var<uniform> opposed: Opposed;
@group(0) @binding(0) var<uniform> move_: Move;
@group(0) @binding(1) var<storage, read_write> pictures: array<f32>;
@group(0) @binding(2) var<storage, read_write> z: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> logits: array<f32>;
// Each picture's class, and 1 if its probability is to fall, −1 if it is to rise, as bits.
@group(0) @binding(4) var<storage, read> goals: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read_write> cotangents: array<f32>;
// The logits of every step.
@group(0) @binding(6) var<storage, read_write> said: array<f32>;
@group(0) @binding(7) var<storage, read> gradient: array<f32>;
// The least and the most of each value.
@group(0) @binding(8) var<storage, read> bounds: array<vec2<f32>>;
@group(0) @binding(9) var<storage, read> centres: array<f32>;
// The pictures after every step.
@group(0) @binding(10) var<storage, read_write> trail: array<f32>;
// The largest magnitude in each step's gradients.
@group(0) @binding(11) var<storage, read_write> slopes: array<f32>;

@compute @workgroup_size(THREADS)
fn standardise(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= standard.pixels) {
        return;
    }
    let at = id.z * standard.channels * standard.pixels + id.x;
    var value = vec4<f32>();
    value.x = (pictures[at] - standard.mean.x) * standard.rate;
    if (standard.channels > 1u) {
        value.y = (pictures[at + standard.pixels] - standard.mean.y) * standard.rate;
        value.z = (pictures[at + 2u * standard.pixels] - standard.mean.z) * standard.rate;
    }
    z[id.z * standard.pixels + id.x] = value;
}

// The gradient of −log p(class) by the logits, over its largest magnitude: −1 for the class, and for the others their shares
// among themselves. It does not vanish where the model is certain.
@compute @workgroup_size(THREADS)
fn oppose(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first = id.z * opposed.classes;
    let own = goals[id.z].x;
    let turn = bitcast<f32>(goals[id.z].y);
    var most = -3.0e38;
    for (var k = 0u; k < opposed.classes; k++) {
        if (k != own) {
            most = max(most, logits[first + k]);
        }
    }
    var sum = 0.0;
    for (var k = thread; k < opposed.classes; k += THREADS) {
        if (k != own) {
            sum += exponential(max(logits[first + k] - most, -87.0));
        }
    }
    let whole = total(thread, sum);
    for (var k = thread; k < opposed.classes; k += THREADS) {
        let logit = logits[first + k];
        var weight = -1.0;
        if (k != own) {
            weight = exponential(max(logit - most, -87.0)) / whole;
        }
        cotangents[first + k] = turn * weight;
        said[opposed.at + first + k] = logit;
    }
}

// Below this a gradient's length cannot be computed, and counts as none.
const LEAST: f32 = 1.0e-30;

fn largest(thread: u32, value: f32) -> f32 {
    sums[thread].x = value;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread].x = max(sums[thread].x, sums[thread + half].x);
        }
        workgroupBarrier();
    }
    let most = sums[0].x;
    workgroupBarrier();
    return most;
}

// A workgroup a picture.
@compute @workgroup_size(THREADS)
fn ascend(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first = id.z * move_.values;
    let last = first + move_.values;
    var most = 0.0;
    for (var i = first + thread; i < last; i += THREADS) {
        most = max(most, abs(gradient[i]));
    }
    most = largest(thread, most);
    if (thread == 0u) {
        slopes[move_.slope + id.z] = most;
    }
    if (move_.straight == 0u) {
        for (var i = first + thread; i < last; i += THREADS) {
            let g = gradient[i];
            let way = select(select(0.0, -1.0, g < 0.0), 1.0, g > 0.0);
            let moved = clamp(pictures[i] + move_.length * way, bounds[i].x, bounds[i].y);
            pictures[i] = moved;
            trail[move_.at + i] = moved;
        }
        return;
    }
    var scale = 0.0;
    if (most > LEAST) {
        scale = 1.0 / most;
    }
    var squares = 0.0;
    for (var i = first + thread; i < last; i += THREADS) {
        let g = gradient[i] * scale;
        squares = fma(g, g, squares);
    }
    squares = total(thread, squares);
    var pace = 0.0;
    if (squares > 0.0) {
        pace = move_.length / sqrt(squares);
    }
    var distance = 0.0;
    for (var i = first + thread; i < last; i += THREADS) {
        let moved = fma(gradient[i] * scale, pace, pictures[i]);
        pictures[i] = moved;
        let away = moved - centres[i];
        distance = fma(away, away, distance);
    }
    distance = sqrt(total(thread, distance));
    var factor = 1.0;
    if (distance > move_.radius) {
        factor = move_.radius / distance;
    }
    for (var i = first + thread; i < last; i += THREADS) {
        let moved = clamp(fma(factor, pictures[i] - centres[i], centres[i]), bounds[i].x, bounds[i].y);
        pictures[i] = moved;
        trail[move_.at + i] = moved;
    }
}

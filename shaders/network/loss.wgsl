// Training's loss and what its passes start from: the posterior and which classes' scores are asked for, the score's error and
// the direction of the tangent pass, the logits' cotangents, and the sums that are logged.

struct Params {
    classes: u32,
    // Pictures; pixels of one.
    rows: u32,
    pixels: u32,
    // Slices that the stem's adjoint lies in, and vectors from one to the next.
    slices: u32,
    stride: u32,
    // Blocks of 256 pixels of a picture.
    blocks: u32,
    // Whether the score has a part in the loss.
    scored: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
// Two a picture: (k, 1/√(σ_d² + σ²), σ, what the error is multiplied by), and (label, 1 + class of the score or 0, as bits; the
// cross-entropy's weight; unused).
@group(0) @binding(2) var<storage, read> facts: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> posterior: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
// The cross-entropy of each picture, then the squared error of each block of pixels.
@group(0) @binding(5) var<storage, read_write> parts: array<f32>;
@group(0) @binding(6) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> z: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> noise: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> direction: array<vec4<f32>>;
// A batch's: weight of the cross-entropy, of the score's error, one over the pictures, one over the values.
@group(0) @binding(10) var<storage, read> numbers: array<f32>;
// Loss, weighed cross-entropy, score error, gradient norm; the cross-entropy itself.
@group(0) @binding(11) var<storage, read_write> logged: array<f32>;

// A workgroup a picture: softmax and cross-entropy of its logits, and the weights of the classes' scores.
@compute @workgroup_size(THREADS)
fn classify(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = id.z * p.classes;
    var most = logits[row];
    for (var k = 1u; k < p.classes; k++) {
        most = max(most, logits[row + k]);
    }
    var sum = 0.0;
    for (var k = thread; k < p.classes; k += THREADS) {
        sum += exponential(max(logits[row + k] - most, -87.0));
    }
    let whole = total(thread, sum);
    let asked = facts[2u * id.z + 1u];
    let scored_class = bitcast<u32>(asked.y);
    for (var k = thread; k < p.classes; k += THREADS) {
        let share = exponential(max(logits[row + k] - most, -87.0)) / whole;
        posterior[row + k] = share;
        result[row + k] = select(select(0.0, 1.0, scored_class == k + 1u), share, scored_class == 0u);
    }
    if (thread == 0u) {
        parts[id.z] = log(whole) - (logits[row + bitcast<u32>(asked.x)] - most);
    }
}

// A workgroup a picture: w·(p − 1_label), and where the score of the picture's own density is trained, p ⊙ (v̇ − ⟨p, v̇⟩); v̇, the
// logits' tangent, is in `logits` here.
@compute @workgroup_size(THREADS)
fn cotangents(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = id.z * p.classes;
    let asked = facts[2u * id.z + 1u];
    let own = p.scored == 1u && bitcast<u32>(asked.y) == 0u;
    var sum = 0.0;
    if (own) {
        for (var k = thread; k < p.classes; k += THREADS) {
            sum = fma(posterior[row + k], logits[row + k], sum);
        }
    }
    let mean = total(thread, sum);
    for (var k = thread; k < p.classes; k += THREADS) {
        let share = posterior[row + k];
        var value = asked.z * (share - select(0.0, 1.0, bitcast<u32>(asked.x) == k));
        if (own) {
            value += share * (logits[row + k] - mean);
        }
        result[row + k] = value;
    }
}

// A workgroup a block of pixels: the score (g − z)·rate, its error σ·score + ε, and the direction.
@compute @workgroup_size(THREADS)
fn aim(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let pixel = id.x * THREADS + thread;
    let fact = facts[2u * id.z];
    var square = 0.0;
    if (pixel < p.pixels) {
        let at = id.z * p.pixels + pixel;
        var g = source[at];
        for (var slice = 1u; slice < p.slices; slice++) {
            g += source[slice * p.stride + at];
        }
        let error = fma(vec4<f32>(fact.z), (g - z[at]) * fact.y, noise[at]);
        square = dot(error, error);
        direction[at] = fact.w * error;
    }
    let sum = total(thread, square);
    if (thread == 0u) {
        parts[p.rows + id.z * p.blocks + id.x] = sum;
    }
}

// One workgroup: adds the pictures' losses to what is logged.
@compute @workgroup_size(THREADS)
fn tally(@builtin(local_invocation_index) thread: u32) {
    var sum = 0.0;
    for (var i = thread; i < p.rows; i += THREADS) {
        sum += parts[i];
    }
    let cross_entropy = total(thread, sum) * numbers[2];
    sum = 0.0;
    if (p.scored == 1u) {
        for (var i = thread; i < p.rows * p.blocks; i += THREADS) {
            sum += parts[p.rows + i];
        }
    }
    let score_error = total(thread, sum) * numbers[3];
    if (thread == 0u) {
        logged[0] += numbers[0] * cross_entropy + numbers[1] * score_error;
        logged[1] += numbers[0] * cross_entropy;
        logged[2] += score_error;
        logged[4] += cross_entropy;
    }
}

// The head: means over the pixels, linear layers on rows, and the cotangents of an analysis from the logits.

struct Pool {
    pixels: u32,
    width: u32,
    unused_0: u32,
    unused_1: u32,
}

struct Linear {
    inputs: u32,
    outputs: u32,
    // Values from row to row of the input and of the result.
    in_stride: u32,
    out_stride: u32,
    scale: f32,
    // Whether there is a bias.
    bias: u32,
    // The first row of the input.
    first_row: u32,
    unused: u32,
}

struct Cotangents {
    classes: u32,
    // Cotangents a picture: the posterior, then classes one by one.
    each: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> pooling: Pool;
@group(0) @binding(0) var<uniform> layer: Linear;
@group(0) @binding(0) var<uniform> asked: Cotangents;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
@group(0) @binding(5) var<storage, read> chosen: array<u32>;

// A workgroup a channel of a picture.
@compute @workgroup_size(THREADS)
fn pool(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    var sum = 0.0;
    for (var pixel = thread; pixel < pooling.pixels; pixel += THREADS) {
        sum += source[(id.z * pooling.pixels + pixel) * pooling.width + id.x];
    }
    let mean = total(thread, sum) / f32(pooling.pixels);
    if (thread == 0u) {
        result[id.z * pooling.width + id.x] = mean;
    }
}

// result = scale·(x·W) + bias; a thread an output.
@compute @workgroup_size(64)
fn linear(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= layer.outputs) {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < layer.inputs; i++) {
        sum = fma(source[(layer.first_row + id.z) * layer.in_stride + i], weights[i * layer.outputs + id.x], sum);
    }
    sum *= layer.scale;
    if (layer.bias == 1u) {
        sum += bias[id.x];
    }
    result[id.z * layer.out_stride + id.x] = sum;
}

// Row 0 of a picture's cotangents: the softmax of its logits; the others: one class each.
@compute @workgroup_size(THREADS)
fn posterior(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let logits = id.z * asked.classes;
    let rows = id.z * asked.each * asked.classes;
    var most = source[logits];
    for (var k = 1u; k < asked.classes; k++) {
        most = max(most, source[logits + k]);
    }
    var sum = 0.0;
    for (var k = thread; k < asked.classes; k += THREADS) {
        sum += exponential(max(source[logits + k] - most, -87.0));
    }
    let whole = total(thread, sum);
    for (var k = thread; k < asked.classes; k += THREADS) {
        result[rows + k] = exponential(max(source[logits + k] - most, -87.0)) / whole;
        for (var row = 1u; row < asked.each; row++) {
            result[rows + row * asked.classes + k] = select(0.0, 1.0, chosen[row - 1u] == k);
        }
    }
}

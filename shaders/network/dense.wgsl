// Linear layers on rows in training: y = x·Wᵀ + b, its adjoint, and the gradients of W and b. An output's weights and its bias lie
// where a table says, so that the film, whose outputs come from many tensors, is one layer.

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    // Where the first row of x begins, and values from row to row; the same of y.
    x_start: u32,
    x_stride: u32,
    y_start: u32,
    y_stride: u32,
    // Whether the bias is added; whether the adjoint is multiplied by GELU′ of what lies in `before`.
    bias: u32,
    gelu: u32,
    // What the adjoint is multiplied by.
    scale: f32,
    // Pairs of x and y's cotangent that the gradients are sums over: 1 or 2.
    pairs: u32,
    unused: u32,
}

struct Output {
    weights: u32,
    bias: u32,
    // What is added besides the bias.
    plus: f32,
    // 0 where the output is padding.
    known: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<Output>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
@group(0) @binding(5) var<storage, read> before: array<f32>;
@group(0) @binding(6) var<storage, read> cotangents: array<f32>;
@group(0) @binding(7) var<storage, read> moved: array<f32>;
@group(0) @binding(8) var<storage, read> moved_cotangents: array<f32>;

// A thread an output of a row.
@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= p.outputs) {
        return;
    }
    let output = table[id.x];
    var sum = 0.0;
    if (output.known == 1u) {
        let x = p.x_start + id.z * p.x_stride;
        for (var i = 0u; i < p.inputs; i++) {
            sum = fma(source[x + i], weights[output.weights + i], sum);
        }
        if (p.bias == 1u) {
            sum += weights[output.bias] + output.plus;
        }
    }
    result[p.y_start + id.z * p.y_stride + id.x] = sum;
}

// GELU of `rows` values.
@compute @workgroup_size(64)
fn activate(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < p.rows) {
        result[id.x] = source[id.x] * normal(source[id.x]).x;
    }
}

// From y's cotangents in `source` to x's; a thread an input of a row.
@compute @workgroup_size(64)
fn pull(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= p.inputs) {
        return;
    }
    let y = p.y_start + id.z * p.y_stride;
    var sum = 0.0;
    for (var o = 0u; o < p.outputs; o++) {
        let output = table[o];
        if (output.known == 1u) {
            sum = fma(source[y + o], weights[output.weights + id.x], sum);
        }
    }
    let at = p.x_start + id.z * p.x_stride + id.x;
    sum *= p.scale;
    if (p.gelu == 1u) {
        let a = before[at];
        let bell = normal(a);
        sum *= fma(a, bell.y, bell.x);
    }
    result[at] = sum;
}

// Adds the gradients of weights and biases over all rows to `result`; a thread a weight.
@compute @workgroup_size(64)
fn gradient(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var at = id.x; at < p.inputs * p.outputs; at += groups.x * 64u) {
        let o = at / p.inputs;
        let i = at - o * p.inputs;
        let output = table[o];
        if (output.known == 0u) {
            continue;
        }
        var sum = 0.0;
        var bias = 0.0;
        for (var row = 0u; row < p.rows; row++) {
            let g = cotangents[p.y_start + row * p.y_stride + o];
            sum = fma(g, source[p.x_start + row * p.x_stride + i], sum);
            bias += g;
            if (p.pairs == 2u) {
                let t = moved[p.x_start + row * p.x_stride + i];
                sum = fma(moved_cotangents[p.y_start + row * p.y_stride + o], t, sum);
            }
        }
        result[output.weights + i] += sum;
        if (i == 0u) {
            result[output.bias] += bias;
        }
    }
}

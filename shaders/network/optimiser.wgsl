// The optimiser's rules on the flat list of all weights, which lie in this order: those of AdamW that decay, those that do not, and
// Muon's matrices, group by group.

struct Params {
    // The range that is worked on.
    start: u32,
    count: u32,
    // Values of a matrix, of which there are as many as workgroups along y.
    matrix: u32,
    // Values that a workgroup sums, and sums a matrix.
    chunk: u32,
    chunks: u32,
    // Where the sums begin.
    parts: u32,
    // Where decay ends.
    decayed: u32,
    // A matrix's rows and columns, the row length that the shorter side is padded to, and whether the rows are the shorter side.
    rows: u32,
    columns: u32,
    wide: u32,
    turned: u32,
    // Which of the numbers a group's rate is.
    rate: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<f32>;
// First moments, or Muon's momentum; second moments.
@group(0) @binding(3) var<storage, read_write> first: array<f32>;
@group(0) @binding(4) var<storage, read_write> second: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;
// Of the step, from the fifth on: see `Numbers` in optimiser.rs.
@group(0) @binding(7) var<storage, read> numbers: array<f32>;
// The gradient's norm is added to the fourth, what it is clipped by is the sixth.
@group(0) @binding(8) var<storage, read_write> logged: array<f32>;
// Matrices with the longer side down.
@group(0) @binding(9) var<storage, read_write> matrices: array<f32>;

@compute @workgroup_size(THREADS)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * THREADS) {
        gradient[p.start + i] = 0.0;
    }
}

// The sum of squares of each chunk of each matrix of the gradient.
@compute @workgroup_size(THREADS)
fn squares(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_value = id.x * p.chunk;
    let last = min(first_value + p.chunk, p.matrix);
    var sum = 0.0;
    for (var i = first_value + thread; i < last; i += THREADS) {
        let value = gradient[p.start + id.y * p.matrix + i];
        sum = fma(value, value, sum);
    }
    let whole = total(thread, sum);
    if (thread == 0u) {
        parts[p.parts + id.y * p.chunks + id.x] = whole;
    }
}

// From the sums of squares of the whole gradient to what it is clipped by: clip / max(norm, clip) is 1 for a short one.
@compute @workgroup_size(THREADS)
fn clip(@builtin(local_invocation_index) thread: u32) {
    var sum = 0.0;
    for (var i = thread; i < p.count; i += THREADS) {
        sum += parts[p.parts + i];
    }
    let norm = sqrt(total(thread, sum));
    if (thread == 0u) {
        logged[3] += norm;
        logged[5] = 1.0 / max(norm, numbers[4]) * numbers[4];
    }
}

@compute @workgroup_size(THREADS)
fn adam(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * THREADS) {
        let g = gradient[i] * logged[5];
        let m = first[i] * numbers[5] + g * numbers[6];
        let v = second[i] * numbers[7] + g * g * numbers[8];
        first[i] = m;
        second[i] = v;
        let change = m * numbers[10] / (sqrt(v * numbers[9]) + numbers[11]);
        weights[i] = weights[i] * (select(0.0, numbers[12], i < p.decayed) + 1.0) - change;
    }
}

// Muon's momentum; leaves the gradient looking ahead.
@compute @workgroup_size(THREADS)
fn push(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * THREADS) {
        let at = p.start + i;
        let g = gradient[at] * logged[5];
        let m = first[at] * numbers[13] + g;
        first[at] = m;
        gradient[at] = g + m * numbers[13];
    }
}

// Each matrix of the gradient over its norm, with the longer side down and zeros up to whole vectors.
@compute @workgroup_size(THREADS)
fn lay(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    var sum = 0.0;
    for (var chunk = 0u; chunk < p.chunks; chunk++) {
        sum += parts[p.parts + id.y * p.chunks + chunk];
    }
    let norm = sqrt(sum) + 1e-7;
    let size = max(p.rows, p.columns) * p.wide;
    for (var i = id.x; i < size; i += groups.x * THREADS) {
        let long = i / p.wide;
        let short = i - long * p.wide;
        var value = 0.0;
        if (short < min(p.rows, p.columns)) {
            let at = select(long * p.columns + short, short * p.columns + long, p.turned == 1u);
            value = gradient[p.start + id.y * p.matrix + at] / norm;
        }
        matrices[id.y * size + i] = value;
    }
}

// A step along the orthogonalised matrices.
@compute @workgroup_size(THREADS)
fn move_along(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.matrix; i += groups.x * THREADS) {
        let row = i / p.columns;
        let column = i - row * p.columns;
        let long = select(row, column, p.turned == 1u);
        let short = select(column, row, p.turned == 1u);
        let along = matrices[(id.y * max(p.rows, p.columns) + long) * p.wide + short];
        let at = p.start + id.y * p.matrix + i;
        weights[at] = numbers[14] * weights[at] + numbers[p.rate] * along;
    }
}

@compute @workgroup_size(THREADS)
fn blend(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * THREADS) {
        average[i] = numbers[15] * average[i] + numbers[16] * weights[i];
    }
}

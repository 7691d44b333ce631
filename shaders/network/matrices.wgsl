// Products of many matrices of one shape: result = α·op(A)·B + β·D, op(A) being A or its transpose.
//
// A workgroup of 8 × 8 computes a tile of 32 × 32, sixteen of depth at a time; each thread has four rows, eight apart, by a vector.

struct Params {
    // Of the result; op(A) is rows by depth.
    rows: u32,
    vectors: u32,
    depth: u32,
    // Values from row to row of A, and whether it is transposed.
    a_row: u32,
    turned: u32,
    // From one matrix to the next: values of A, vectors of B and of the result.
    a_stride: u32,
    b_stride: u32,
    stride: u32,
    alpha: f32,
    beta: f32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> d: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4<f32>>;

const DEPTH: u32 = 16u;
// A line of depth and one of room, which spreads the reads over the banks.
const LINE: u32 = 17u;

var<workgroup> left: array<f32, 544>;
var<workgroup> right: array<vec4<f32>, 128>;

fn store(matrix: u32, row: u32, vector: u32, value: vec4<f32>) {
    if (row >= p.rows || vector >= p.vectors) {
        return;
    }
    let at = matrix * p.stride + row * p.vectors + vector;
    var sum = p.alpha * value;
    if (p.beta != 0.0) {
        sum += p.beta * d[at];
    }
    result[at] = sum;
}

@compute @workgroup_size(64)
fn multiply(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let tx = thread % 8u;
    let ty = thread / 8u;
    let first = group.x * 32u;
    let vector = group.y * 8u + tx;
    var sum_0 = vec4<f32>();
    var sum_1 = vec4<f32>();
    var sum_2 = vec4<f32>();
    var sum_3 = vec4<f32>();
    for (var block = 0u; block < p.depth; block += DEPTH) {
        for (var i = thread; i < 32u * DEPTH; i += 64u) {
            // Neighbours in memory are read side by side.
            let row = select(i / DEPTH, i % 32u, p.turned == 1u);
            let k = select(i % DEPTH, i / 32u, p.turned == 1u);
            var value = 0.0;
            if (first + row < p.rows && block + k < p.depth) {
                let straight = (first + row) * p.a_row + block + k;
                let across = (block + k) * p.a_row + first + row;
                value = a[group.z * p.a_stride + select(straight, across, p.turned == 1u)];
            }
            left[row * LINE + k] = value;
        }
        for (var i = thread; i < 8u * DEPTH; i += 64u) {
            let k = i / 8u;
            let column = group.y * 8u + i % 8u;
            var value = vec4<f32>();
            if (block + k < p.depth && column < p.vectors) {
                value = b[group.z * p.b_stride + (block + k) * p.vectors + column];
            }
            right[i] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let value = right[k * 8u + tx];
            sum_0 = fma(vec4<f32>(left[ty * LINE + k]), value, sum_0);
            sum_1 = fma(vec4<f32>(left[(ty + 8u) * LINE + k]), value, sum_1);
            sum_2 = fma(vec4<f32>(left[(ty + 16u) * LINE + k]), value, sum_2);
            sum_3 = fma(vec4<f32>(left[(ty + 24u) * LINE + k]), value, sum_3);
        }
        workgroupBarrier();
    }
    store(group.z, first + ty, vector, sum_0);
    store(group.z, first + ty + 8u, vector, sum_1);
    store(group.z, first + ty + 16u, vector, sum_2);
    store(group.z, first + ty + 24u, vector, sum_3);
}

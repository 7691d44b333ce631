// Functions of each value of a picture: GELU and its pullback, and sums.

struct Params {
    // Vectors in all, and of a row.
    count: u32,
    row: u32,
    // Rows of cotangents a picture, and the first row of this run.
    each: u32,
    first_row: u32,
    // Whether `added` is added to a pullback.
    adds: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> whole: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> added: array<vec4<f32>>;

// Φ of each, and φ.
fn normals(x: vec4<f32>) -> array<vec4<f32>, 2> {
    let a = normal(x.x);
    let b = normal(x.y);
    let c = normal(x.z);
    let d = normal(x.w);
    return array(vec4<f32>(a.x, b.x, c.x, d.x), vec4<f32>(a.y, b.y, c.y, d.y));
}

// A device numbers 65535 workgroups: each goes on where all of them end.
@compute @workgroup_size(256)
fn gelu(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * 256u) {
        let x = source[i];
        result[i] = x * normals(x)[0];
    }
}

@compute @workgroup_size(256)
fn gelu_pullback(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * 256u) {
        let row = i / p.row;
        let picture = (p.first_row + row) / p.each;
        let x = whole[picture * p.row + i - row * p.row];
        let bell = normals(x);
        var value = source[i] * fma(x, bell[1], bell[0]);
        if (p.adds == 1u) {
            value += added[i];
        }
        result[i] = value;
    }
}

@compute @workgroup_size(256)
fn sum(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < p.count; i += groups.x * 256u) {
        result[i] = source[i] + added[i];
    }
}

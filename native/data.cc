// Bytes in and out: JavaScript buffers, files mapped into memory, single values.
#include "engine.h"

#include <ATen/ATen.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dvl {

namespace {
struct Bytes {
  uint8_t* data;
  size_t length;
};

Bytes bytesArg(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  TORCH_CHECK_TYPE(napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) == napi_ok && type == napi_uint8_array,
                   "internal: expected a Uint8Array");
  return {static_cast<uint8_t*>(data), length};
}

std::vector<int64_t> shapeArg(napi_env env, napi_value value) {
  uint32_t length = 0;
  TORCH_CHECK_TYPE(napi_get_array_length(env, value, &length) == napi_ok, "a shape must be an array");
  std::vector<int64_t> shape(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    napi_get_element(env, value, i, &element);
    const double size = numberArg(env, element);
    TORCH_CHECK_VALUE(size >= 0 && size < 9e15 && size == static_cast<double>(static_cast<int64_t>(size)), "a shape must hold whole numbers");
    shape[i] = static_cast<int64_t>(size);
  }
  return shape;
}

at::ScalarType dtypeArg(napi_env env, napi_value value) {
  const double n = numberArg(env, value);
  TORCH_CHECK_VALUE(n >= 0 && n < static_cast<double>(at::ScalarType::NumOptions), "unknown dtype");
  return static_cast<at::ScalarType>(static_cast<int>(n));
}

int64_t bytesOf(const std::vector<int64_t>& shape, at::ScalarType dtype) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (int64_t size : shape) {
    TORCH_CHECK_VALUE(!__builtin_mul_overflow(bytes, size, &bytes), "the shape is too large");
  }
  return bytes;
}

void returnTensor(Engine* engine, const at::Tensor& tensor) {
  writeTensor(engine, ARGS, tensor);
  engine->frame[RESULTS] = 1;
}
}  // namespace

// fromBuffer(Uint8Array, dtype, shape): copies.
DVL_FUNCTION(fromBuffer) {
  DVL_ARGS(3);
  const Bytes bytes = bytesArg(env, argv[0]);
  const auto dtype = dtypeArg(env, argv[1]);
  const auto shape = shapeArg(env, argv[2]);
  TORCH_CHECK_VALUE(bytesOf(shape, dtype) == static_cast<int64_t>(bytes.length), "the data has ", bytes.length, " bytes, the shape needs ",
                    bytesOf(shape, dtype));
  at::Tensor tensor = at::empty(shape, dtype);
  std::memcpy(tensor.data_ptr(), bytes.data, bytes.length);
  returnTensor(engine, tensor);
  return nullptr;
}

// toBuffer(handle, Uint8Array): copies the elements in row-major order.
DVL_FUNCTION(toBuffer) {
  DVL_ARGS(2);
  const at::Tensor tensor = engine->get(numberArg(env, argv[0])).detach().contiguous().cpu().resolve_conj().resolve_neg();
  const Bytes bytes = bytesArg(env, argv[1]);
  TORCH_CHECK_VALUE(tensor.nbytes() == bytes.length, "internal: the buffer has ", bytes.length, " bytes, the tensor ", tensor.nbytes());
  std::memcpy(bytes.data, tensor.data_ptr(), bytes.length);
  return nullptr;
}

DVL_FUNCTION(item) {
  DVL_ARGS(1);
  return number(env, engine->get(numberArg(env, argv[0])).item().toDouble());
}

// mapFile(path) -> uint8 tensor over the whole file: private mapping, read when touched, copied when written.
DVL_FUNCTION(mapFile) {
  DVL_ARGS(1);
  const std::string path = stringArg(env, argv[0]);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  TORCH_CHECK_VALUE(file >= 0, "cannot open ", path, ": ", std::strerror(errno));
  struct stat status;
  void* data = MAP_FAILED;
  if (fstat(file, &status) == 0 && status.st_size > 0) {
    data = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  }
  close(file);
  TORCH_CHECK_VALUE(data != MAP_FAILED, "cannot map ", path, " (empty file, or out of address space)");
  const auto size = static_cast<size_t>(status.st_size);
  rememberMapping(data, size, path);  // a file that shrinks later ends the program in a sentence
  const auto unmap = [size](void* p) {
    forgetMapping(p);
    munmap(p, size);
  };
  returnTensor(engine, at::from_blob(data, {status.st_size}, unmap, at::kByte));
  engine->uncharge(engine->frame[ARGS + 1]);  // file pages are not our memory
  return nullptr;
}

// viewBytes(handle of a uint8 tensor, offset, dtype, shape): a tensor over a part of it, copied only when misaligned.
DVL_FUNCTION(viewBytes) {
  DVL_ARGS(4);
  const at::Tensor base = engine->get(numberArg(env, argv[0]));
  const double offset = numberArg(env, argv[1]);
  const auto dtype = dtypeArg(env, argv[2]);
  const auto shape = shapeArg(env, argv[3]);
  const int64_t bytes = bytesOf(shape, dtype);
  TORCH_CHECK_VALUE(base.is_cpu() && base.scalar_type() == at::kByte && base.is_contiguous() && offset >= 0 &&
                        offset <= static_cast<double>(base.numel()) && bytes <= base.numel() - static_cast<int64_t>(offset),
                    "the tensor lies outside the file");
  auto* start = static_cast<uint8_t*>(base.data_ptr()) + static_cast<int64_t>(offset);
  at::Tensor view = at::from_blob(start, shape, [base](void*) {}, dtype);
  const bool aligned = reinterpret_cast<uintptr_t>(start) % c10::elementSize(dtype) == 0;
  returnTensor(engine, aligned ? view : view.clone());
  if (aligned) engine->uncharge(engine->frame[ARGS + 1]);
  return nullptr;
}

// describe(handle): [requiresGrad, isLeaf, isContiguous, version, storageOffset, strides...] to the frame.
DVL_FUNCTION(describe) {
  DVL_ARGS(1);
  const auto& tensor = engine->get(numberArg(env, argv[0]));
  double* out = engine->frame + ARGS;
  out[0] = tensor.requires_grad();
  out[1] = tensor.is_leaf();
  out[2] = tensor.is_contiguous();
  out[3] = tensor.is_inference() ? 0 : static_cast<double>(tensor._version());
  out[4] = static_cast<double>(tensor.storage_offset());
  for (int64_t i = 0; i < tensor.dim(); i++) out[5 + i] = static_cast<double>(tensor.stride(i));
  return nullptr;
}

}  // namespace dvl

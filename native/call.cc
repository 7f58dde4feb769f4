// Boxed calls: any operator of the dispatcher by name, its arguments read from the frame and checked against the schema.
#include "engine.h"

#include <cmath>

namespace dvl {

namespace {

Kind kindOf(const c10::TypePtr& type) {
  using T = c10::TypeKind;
  switch (type->kind()) {
    case T::TensorType: return Kind::Tensor;
    case T::IntType: case T::SymIntType: return Kind::Int;
    case T::FloatType: case T::SymFloatType: return Kind::Float;
    case T::BoolType: case T::SymBoolType: return Kind::Bool;
    case T::NumberType: return Kind::Scalar;
    case T::StringType: return Kind::String;
    case T::ScalarTypeType: case T::LayoutType: case T::MemoryFormatType: return Kind::ScalarType;
    case T::DeviceObjType: return Kind::Device;
    case T::GeneratorType: return Kind::Generator;
    case T::ListType: {
      const auto element = type->castRaw<c10::ListType>()->getElementType();
      if (element->kind() == T::OptionalType) {
        return element->castRaw<c10::OptionalType>()->getElementType()->kind() == T::TensorType ? Kind::OptTensorList : Kind::Unsupported;
      }
      switch (kindOf(element)) {
        case Kind::Tensor: return Kind::TensorList;
        case Kind::Int: return Kind::IntList;
        case Kind::Float: return Kind::FloatList;
        case Kind::Bool: return Kind::BoolList;
        case Kind::Scalar: return Kind::ScalarList;
        default: return Kind::Unsupported;
      }
    }
    default: return Kind::Unsupported;
  }
}

Op planOf(const c10::OperatorHandle& handle, const std::string& name) {
  Op op{handle, name, {}, handle.schema().is_mutable(), handle.hasTag(at::Tag::inplace_view)};
  for (const auto& argument : handle.schema().arguments()) {
    auto type = argument.real_type();
    const bool optional = type->kind() == c10::TypeKind::OptionalType;
    if (optional) type = type->castRaw<c10::OptionalType>()->getElementType();
    Arg arg{kindOf(type), optional, argument.default_value().has_value(), argument.N().value_or(0), {}, argument.name()};
    if (arg.hasDefault) arg.defaultValue = *argument.default_value();
    op.args.push_back(std::move(arg));
  }
  return op;
}

bool integral(double value) { return std::floor(value) == value && std::abs(value) <= 9007199254740992.0; }

// One value of the frame -> one IValue; `at` moves past the value.
struct Reader {
  Engine* engine;
  const Op& op;
  size_t at;

  [[noreturn]] void bad(const Arg& arg, const char* expected) {
    C10_THROW_ERROR(TypeError, op.name + ": argument '" + arg.name + "' must be " + expected);
  }
  double next() {
    TORCH_CHECK_VALUE(at < engine->frameLength, op.name, ": the arguments are too long for one call");
    return engine->frame[at++];
  }
  size_t count(const Arg& arg) {
    const double n = next();
    if (!(n >= 0) || n > static_cast<double>(engine->frameLength - at)) bad(arg, "a list of reasonable length");
    return static_cast<size_t>(n);
  }
  int64_t integer(const Arg& arg, double value) {
    if (!integral(value)) bad(arg, "an integer");
    return static_cast<int64_t>(value);
  }
  c10::Scalar scalar(double value) {
    // As in Python, a whole number is an integer: mul(2) keeps an integer tensor integral.
    return integral(value) ? c10::Scalar(static_cast<int64_t>(value)) : c10::Scalar(value);
  }

  c10::IValue read(const Arg& arg) {
    const int tag = static_cast<int>(next());
    if (tag == DEFAULT) {
      if (arg.hasDefault) return arg.defaultValue;
      if (arg.optional) return {};
      C10_THROW_ERROR(TypeError, op.name + ": argument '" + arg.name + "' is missing");
    }
    if (tag == NONE) {
      if (!arg.optional) bad(arg, "given, not null");
      return {};
    }
    switch (arg.kind) {
      case Kind::Tensor:
        if (tag != TENSOR) bad(arg, "a tensor");
        return engine->get(next());
      case Kind::Int:
        if (tag == BIGINT) return bigint();
        if (tag != NUMBER) bad(arg, "an integer");
        return integer(arg, next());
      case Kind::Float:
        if (tag != NUMBER) bad(arg, "a number");
        return next();
      case Kind::Bool:
        if (tag != BOOL) bad(arg, "true or false");
        return next() != 0;
      case Kind::Scalar:
        if (tag == BOOL) return c10::IValue(next() != 0);
        if (tag == BIGINT) return bigint();
        if (tag != NUMBER) bad(arg, "a number");
        return c10::IValue(scalar(next()));
      case Kind::ScalarType:
        if (tag != NUMBER) bad(arg, "a dtype");
        return enumValue(arg, next());
      case Kind::String:
        if (tag != STRING) bad(arg, "a string");
        return text(arg);
      case Kind::Device:
        if (tag != STRING) bad(arg, "a device name");
        return c10::IValue(at::Device(text(arg)));
      case Kind::Generator: {
        if (tag != GENERATOR) bad(arg, "a generator");
        const auto i = static_cast<size_t>(next());
        TORCH_CHECK_VALUE(i < engine->generators.size(), "unknown generator");
        return c10::IValue(engine->generators[i]);
      }
      case Kind::IntList: return ints(arg, tag);
      case Kind::FloatList: {
        if (tag != NUMBERS) bad(arg, "a list of numbers");
        c10::List<double> list;
        for (size_t n = count(arg); n > 0; n--) list.push_back(next());
        return list;
      }
      case Kind::BoolList: {
        if (tag != BOOLS) bad(arg, "a list of booleans");
        c10::List<bool> list;
        for (size_t n = count(arg); n > 0; n--) list.push_back(next() != 0);
        if (arg.fixedLength > 0 && static_cast<int64_t>(list.size()) != arg.fixedLength) bad(arg, "a list of the right length");
        return list;
      }
      case Kind::ScalarList: {
        if (tag != NUMBERS) bad(arg, "a list of numbers");
        auto list = c10::impl::GenericList(c10::NumberType::get());
        for (size_t n = count(arg); n > 0; n--) list.push_back(c10::IValue(scalar(next())));
        return list;
      }
      case Kind::TensorList: {
        if (tag != TENSORS && !(tag == NUMBERS && engine->frame[at] == 0)) bad(arg, "a list of tensors");
        c10::List<at::Tensor> list;
        for (size_t n = count(arg); n > 0; n--) list.push_back(engine->get(next()));
        return list;
      }
      case Kind::OptTensorList: {
        if (tag != TENSORS && !(tag == NUMBERS && engine->frame[at] == 0)) bad(arg, "a list of tensors");
        c10::List<std::optional<at::Tensor>> list;
        for (size_t n = count(arg); n > 0; n--) {
          const double handle = next();
          list.push_back(handle < 0 ? std::optional<at::Tensor>() : std::optional<at::Tensor>(engine->get(handle)));
        }
        return list;
      }
      case Kind::Unsupported: break;
    }
    bad(arg, "left out: its type cannot be passed from JavaScript");
  }

  c10::IValue ints(const Arg& arg, int tag) {
    c10::List<int64_t> list;
    if (tag == NUMBER && arg.fixedLength > 0) {
      const int64_t value = integer(arg, next());
      for (int64_t i = 0; i < arg.fixedLength; i++) list.push_back(value);
      return list;
    }
    if (tag != NUMBERS) bad(arg, "a list of integers");
    for (size_t n = count(arg); n > 0; n--) list.push_back(integer(arg, next()));
    return list;
  }

  c10::IValue bigint() {
    const double high = next();
    const double low = next();
    return static_cast<int64_t>((static_cast<uint64_t>(static_cast<int64_t>(high)) << 32) | static_cast<uint64_t>(low));
  }

  c10::IValue enumValue(const Arg& arg, double value) {
    const int64_t n = integer(arg, value);
    if (n < 0 || n >= static_cast<int64_t>(c10::ScalarType::NumOptions)) bad(arg, "a known dtype");
    return n;
  }

  std::string text(const Arg& arg) {
    const size_t offset = count(arg);
    const size_t length = static_cast<size_t>(next());
    if (offset + length > engine->textLength) bad(arg, "a shorter string");
    return std::string(reinterpret_cast<const char*>(engine->text) + offset, length);
  }
};

// Results that are not tensors: numbers, booleans, lists of tensors or numbers.
size_t writeValue(Engine* engine, size_t at, const c10::IValue& value, const std::vector<c10::IValue>& inputs) {
  double* frame = engine->frame;
  TORCH_CHECK(at + 4 < engine->frameLength, "too many results for one call");
  if (value.isTensor()) {
    const auto& tensor = value.toTensor();
    if (!tensor.defined()) {
      frame[at] = NONE;
      return at + 1;
    }
    for (size_t i = 0; i < inputs.size(); i++) {
      if (inputs[i].isTensor() && inputs[i].toTensor().unsafeGetTensorImpl() == tensor.unsafeGetTensorImpl()) {
        frame[at] = SAME;
        frame[at + 1] = static_cast<double>(i);
        return at + 2;
      }
    }
    return writeTensor(engine, at, tensor);
  }
  if (value.isNone()) {
    frame[at] = NONE;
    return at + 1;
  }
  if (value.isBool()) {
    frame[at] = BOOL;
    frame[at + 1] = value.toBool();
    return at + 2;
  }
  if (value.isInt() || value.isDouble()) {
    frame[at] = NUMBER;
    frame[at + 1] = value.isInt() ? static_cast<double>(value.toInt()) : value.toDouble();
    return at + 2;
  }
  if (value.isScalar()) {
    frame[at] = NUMBER;
    frame[at + 1] = value.toScalar().toDouble();
    return at + 2;
  }
  if (value.isTensorList()) {
    const auto list = value.toTensorVector();
    size_t needed = 2;
    for (const auto& tensor : list) needed += 6 + tensor.dim();
    TORCH_CHECK(at + needed < engine->frameLength, "too many results for one call");
    frame[at] = TENSORS;
    frame[at + 1] = static_cast<double>(list.size());
    at += 2;
    for (const auto& tensor : list) at = writeTensor(engine, at, tensor);
    return at;
  }
  if (value.isIntList()) {
    const auto list = value.toIntVector();
    TORCH_CHECK(at + 2 + list.size() < engine->frameLength, "too many results for one call");
    frame[at] = NUMBERLIST;
    frame[at + 1] = static_cast<double>(list.size());
    at += 2;
    for (int64_t n : list) frame[at++] = static_cast<double>(n);
    return at;
  }
  C10_THROW_ERROR(NotImplementedError, "a result of type " + value.tagKind() + " cannot be passed to JavaScript");
}

}  // namespace

// resolve("aten::add", "Tensor") -> operator id
DVL_FUNCTION(resolve) {
  DVL_ARGS(2);
  const std::string name = stringArg(env, argv[0]);
  const std::string overload = stringArg(env, argv[1]);
  auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle.has_value()) {
    C10_THROW_ERROR(NotImplementedError, "this libtorch has no operator " + name + (overload.empty() ? "" : "." + overload));
  }
  engine->ops.push_back(planOf(*handle, overload.empty() ? name : name + "." + overload));
  return number(env, static_cast<double>(engine->ops.size() - 1));
}

namespace {
// The arguments in the frame as a stack, defaults filled in.
std::vector<c10::IValue> readArguments(Engine* engine, const Op& op) {
  const auto given = static_cast<size_t>(engine->frame[COUNT]);
  if (given > op.args.size()) {
    C10_THROW_ERROR(TypeError, op.name + " takes " + std::to_string(op.args.size()) + " arguments, " + std::to_string(given) + " were given");
  }
  Reader reader{engine, op, ARGS};
  // Backward passes call back into JavaScript and so into call(): each call owns its stack, the memory is reused.
  std::vector<c10::IValue> stack = std::move(engine->stack);
  stack.clear();
  for (size_t i = 0; i < op.args.size(); i++) {
    const Arg& arg = op.args[i];
    if (i < given) {
      stack.push_back(reader.read(arg));
    } else if (arg.hasDefault) {
      stack.push_back(arg.defaultValue);
    } else if (arg.optional) {
      stack.emplace_back();
    } else {
      C10_THROW_ERROR(TypeError, op.name + ": argument '" + arg.name + "' is missing");
    }
  }
  return stack;
}

const Op& operatorInFrame(Engine* engine) {
  const auto id = static_cast<size_t>(engine->frame[OP]);
  TORCH_CHECK_VALUE(id < engine->ops.size(), "internal: unknown operator id");
  return engine->ops[id];
}
}  // namespace

// call(): operator id, argument count and arguments are in the frame; results are written over them.
DVL_FUNCTION(call) {
  const Op& op = operatorInFrame(engine);
  // The JavaScript object remembers its shape.
  TORCH_CHECK_NOT_IMPLEMENTED(!op.reshapes, op.name, " changes the shape of a tensor in place; use the operator without the underscore");
  auto stack = readArguments(engine, op);
  std::vector<c10::IValue> inputs;  // only to recognise a result that is one of the arguments
  if (op.mutates) inputs = stack;
  op.handle.callBoxed(stack);
  size_t at = ARGS;
  for (const auto& value : stack) at = writeValue(engine, at, value, inputs);
  engine->frame[RESULTS] = static_cast<double>(stack.size());
  stack.clear();
  engine->stack = std::move(stack);
  return nullptr;
}

// repeat(n): the call in the frame n times without JavaScript, results dropped: what the operator itself costs.
DVL_FUNCTION(repeat) {
  DVL_ARGS(1);
  const Op& op = operatorInFrame(engine);
  const auto arguments = readArguments(engine, op);
  std::vector<c10::IValue> stack;
  for (auto n = static_cast<int64_t>(numberArg(env, argv[0])); n > 0; n--) {
    stack = arguments;
    op.handle.callBoxed(stack);
  }
  engine->frame[RESULTS] = 0;
  return nullptr;
}

// overloads() -> every "name.overload" that has a schema: for tests and for the capability check.
DVL_FUNCTION(overloads) {
  std::string all;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) {
    const auto handle = c10::Dispatcher::singleton().findOp(name);
    if (!handle.has_value() || !handle->hasSchema()) continue;
    all += c10::toString(handle->schema()) + "\n";
  }
  napi_value result;
  napi_create_string_utf8(env, all.c_str(), all.size(), &result);
  return result;
}

}  // namespace dvl

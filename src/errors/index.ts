export { type CoreReasonCode, coreReasonCodes, type FlowErrorCode, flowErrorCodes, isCoreReasonCode } from "./codes.ts";
export { FlowError, type FlowErrorOptions, type Json, type JsonObject } from "./flow-error.ts";
export { isHandlerError, PermanentError, RetryableError } from "./handler-errors.ts";
export { isInstance, jsonReplacer, loggable, propertyOf, thrownMessage, thrownStack } from "./thrown.ts";

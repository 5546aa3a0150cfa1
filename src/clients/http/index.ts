export {
  type HttpAnswer,
  type HttpClient,
  type HttpFailure,
  type HttpOptions,
  type HttpRequest,
  type HttpResult,
  openHttp,
} from './http.ts';
